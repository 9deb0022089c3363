if obj.metadata.annotations ~= nil then
  obj.metadata.annotations["wsgateway.dev/paused"] = nil
end
return obj
