-- New pods take over, then the old ones drain: no more at a time than the
-- gateway's rollout allows.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["wsgateway.dev/restart"] = os.date("!%Y-%m-%dT%XZ")
return obj
