-- A host of the worker with vim.lsp.rpc. Prints one JSON object.

local scenario = vim.json.decode(table.concat(vim.fn.readfile(vim.env.SCENARIO), '\n'))
local address = scenario.address
local available, exit_code
local client_errors = {}

local function wait_for(condition)
  assert(vim.wait(20000, condition, 10), 'Timed out')
end

local worker = vim.lsp.rpc.start(scenario.worker[1], vim.list_slice(scenario.worker, 2), {
  notification = function(method, params)
    if method ~= 'presence/changed' then
      return
    end
    for _, change in ipairs(params.changes) do
      if change.state == 'available' then
        available = change
      end
    end
  end,
  on_error = function(code)
    table.insert(client_errors, vim.lsp.rpc.client_errors[code])
  end,
  on_exit = function(code)
    exit_code = code
  end,
})

local function call(method, params)
  local done, error, result
  assert(worker.request(method, params, function(...)
    error, result = ...
    done = true
  end))
  wait_for(function()
    return done
  end)
  return result, error and { code = error.code, message = error.message }
end

local function error_of(method, params)
  local _, error = call(method, params)
  return error
end

local out = { phases = {} }
-- A table cannot hold nil. An empty table is [] on the wire.
table.insert(out.phases, call('worker/status', nil).phase)
table.insert(out.phases, call('worker/status', {}).phase)
table.insert(out.phases, call('worker/status', vim.NIL).phase)
table.insert(out.phases, call('worker/status', vim.empty_dict()).phase)
out.openrpc = call('rpc.discover', {}).openrpc
out.unknown = error_of('presence/Get', {})
out.invalid = error_of('presence/get', {})
worker.notify('initialized', {})
worker.notify('no/such/method', {})
call('authorization/setClient', scenario.client)
out.authorization = call('authorization/import', scenario.grant)
out.subscription = call('presence/subscribe', { uris = { address } })

-- The library does not pass -32800 on, but it says that the request is no longer pending.
local is_settled, outcome
local _, waiting = worker.request(
  'presence/get',
  { uri = address, maxWaitMs = 30000 },
  function(error, record)
    outcome = error or record
  end,
  function()
    is_settled = true
  end
)
worker.notify('$/cancelRequest', { id = waiting })
wait_for(function()
  return is_settled
end)
out.cancelled = outcome or { code = vim.lsp.protocol.ErrorCodes.RequestCancelled }

wait_for(function()
  return available
end)
out.changed = available
out.record = call('presence/get', { uri = address })
out.shutdown = call('shutdown', nil) or vim.NIL
worker.notify('exit', nil)
wait_for(function()
  return exit_code
end)
out.exitCode = exit_code
assert(#client_errors == 0, table.concat(client_errors, ', '))
io.stdout:write(vim.json.encode(out))
vim.cmd('quitall!')
