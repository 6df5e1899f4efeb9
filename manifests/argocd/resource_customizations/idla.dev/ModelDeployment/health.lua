-- Reads the conditions alone; docs/reference/conditions.md has every state with its health.
local hs = { status = "Progressing", message = "Waiting for the operator" }
if obj.status == nil or obj.status.conditions == nil then
  return hs
end
if obj.metadata.generation ~= nil and obj.status.observedGeneration ~= obj.metadata.generation then
  hs.message = "Waiting for the operator to see the new spec"
  return hs
end

local found = {}
for _, condition in ipairs(obj.status.conditions) do
  found[condition.type] = condition
end
local function answer(health, condition)
  return { status = health, message = condition.reason .. ": " .. condition.message }
end

local ready, stalled, reconciling = found["Ready"], found["Stalled"], found["Reconciling"]
if stalled ~= nil and stalled.status == "True" then
  return answer("Degraded", stalled)
end
if reconciling ~= nil and reconciling.status == "True" then
  return answer("Progressing", reconciling)
end
if ready ~= nil then
  return answer(ready.status == "True" and "Healthy" or "Progressing", ready)
end
return hs
