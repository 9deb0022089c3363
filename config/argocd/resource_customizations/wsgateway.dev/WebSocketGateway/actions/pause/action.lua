-- The operator changes nothing of the gateway until it is resumed. Its pods
-- serve on.
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["wsgateway.dev/paused"] = "true"
return obj
