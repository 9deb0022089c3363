-- The operator asks cert-manager for new certificates with new keys; when they
-- are served, status.lastHandledRotateAt has this time.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["wsgateway.dev/rotate-at"] = os.date("!%Y-%m-%dT%XZ")
return obj
