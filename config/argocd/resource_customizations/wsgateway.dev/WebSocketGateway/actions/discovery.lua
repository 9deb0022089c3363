-- What can be done to a WebSocketGateway. Each action sets or removes one
-- annotation; the operator does the rest, with what limits and drains it has.
local annotations = obj.metadata.annotations or {}
local paused = annotations["wsgateway.dev/paused"] == "true"

-- The operator orders certificates of issuers only; it cannot renew one that
-- somebody else puts into a Secret.
local orders = false
for _, listener in ipairs(obj.spec.listeners or {}) do
  if listener.tls.certificate.issuerRef ~= nil then
    orders = true
  end
end

local actions = {}
actions["restart"] = {
  ["displayName"] = "Restart",
  ["iconClass"] = "fa fa-fw fa-redo",
  ["disabled"] = paused,
}
actions["rotate-certificate"] = {
  ["displayName"] = "Rotate certificate",
  ["iconClass"] = "fa fa-fw fa-certificate",
  ["disabled"] = paused or not orders,
}
actions["pause"] = {
  ["displayName"] = "Pause",
  ["iconClass"] = "fa fa-fw fa-pause-circle",
  ["disabled"] = paused,
}
actions["resume"] = {
  ["displayName"] = "Resume",
  ["iconClass"] = "fa fa-fw fa-play-circle",
  ["disabled"] = not paused,
}
return actions
