-- Reads the conditions alone; docs/reference/conditions.md has every state with its health.
local hs = { status = "Progressing", message = "Waiting for the operator" }
if obj.status == nil or obj.status.conditions == nil then
  return hs
end

local found = {}
for _, condition in ipairs(obj.status.conditions) do
  found[condition.type] = condition
end
local function answer(health, condition)
  return { status = health, message = condition.reason .. ": " .. condition.message }
end

local stalled, suspended = found["Stalled"], found["Suspended"]
local approved, succeeded = found["Approved"], found["Succeeded"]
local reconciling = found["Reconciling"]
if obj.metadata.generation ~= nil and obj.status.observedGeneration ~= obj.metadata.generation then
  if reconciling ~= nil and reconciling.reason == "GenerationQueued" then
    return answer("Progressing", reconciling)
  end
  hs.message = "Waiting for the operator to see the new spec"
  return hs
end
if stalled ~= nil and stalled.status == "True" then
  return answer("Degraded", stalled)
end
if succeeded ~= nil and succeeded.status == "True" then
  return answer("Healthy", succeeded)
end
if suspended ~= nil and suspended.status == "True" then
  return answer("Suspended", suspended)
end
if succeeded ~= nil and succeeded.status == "False" then
  return answer("Degraded", succeeded)
end
if approved ~= nil and approved.status ~= "True" and (approved.reason == "WaitingForApproval" or approved.reason == "Stale") then
  return answer("Suspended", approved)
end
if succeeded ~= nil then
  return answer("Progressing", succeeded)
end
return hs
