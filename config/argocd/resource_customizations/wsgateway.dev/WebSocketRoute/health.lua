-- Health of a WebSocketRoute. Its status follows kstatus: observedGeneration,
-- Reconciling and Stalled (present only while True) and Ready. The script uses
-- the base library only, so that it runs with and without useOpenLibs.
local health = {
  status = "Progressing",
  message = "Waiting for the operator",
}

local status = obj.status
if status == nil or status.observedGeneration ~= obj.metadata.generation then
  return health
end

local ready = nil
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Stalled" and condition.status == "True" then
    health.status = "Degraded"
    health.message = condition.message
    return health
  end
  if condition.type == "Reconciling" and condition.status == "True" then
    health.message = condition.message
    return health
  end
  if condition.type == "Ready" then
    ready = condition
  end
end

if ready ~= nil then
  health.message = ready.message
  if ready.status == "True" then
    health.status = "Healthy"
  end
end
return health
