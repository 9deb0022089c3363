-- Health of a WebSocketGateway. Its status follows kstatus: observedGeneration,
-- Reconciling and Stalled (present only while True) and Ready. The script uses
-- the base library only, so that it runs with and without useOpenLibs.
local health = {
  status = "Progressing",
  message = "Waiting for the operator",
}

-- Nothing will happen to a paused gateway until somebody resumes it. Below, one
-- that is known to be broken is Degraded all the same.
local annotations = obj.metadata.annotations or {}
local paused = annotations["wsgateway.dev/paused"] == "true"
if paused then
  health.status = "Suspended"
  health.message = "Paused by the annotation wsgateway.dev/paused; its pods serve what they were given last"
end

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
  if condition.type == "Reconciling" and condition.status == "True" and not paused then
    health.message = condition.message
    return health
  end
  if condition.type == "Ready" then
    ready = condition
  end
end

if ready ~= nil and not paused then
  health.message = ready.message
  if ready.status == "True" then
    health.status = "Healthy"
  end
end
return health
