// A host of the worker with sourcegraph/jsonrpc2. Prints one JSON object.
package main

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"os"
	"os/exec"
	"time"

	"github.com/sourcegraph/jsonrpc2"
)

type object = map[string]interface{}

type scenario struct {
	Worker  []string `json:"worker"`
	Address string   `json:"address"`
	Client  object   `json:"client"`
	Grant   object   `json:"grant"`
}

// pipe is the worker's stdout and stdin as one stream.
type pipe struct {
	io.Reader
	io.WriteCloser
}

// handler receives what the worker sends without having been asked.
type handler struct{ available chan object }

func (h handler) Handle(_ context.Context, _ *jsonrpc2.Conn, request *jsonrpc2.Request) {
	if request.Method != "presence/changed" {
		return
	}
	var params struct{ Changes []object }
	check(json.Unmarshal(*request.Params, &params))
	for _, change := range params.Changes {
		if change["state"] == "available" {
			select {
			case h.available <- change:
			default:
			}
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func errorOf(err error) object {
	if failure, ok := err.(*jsonrpc2.Error); ok {
		return object{"code": failure.Code, "message": failure.Message}
	}
	return object{"error": err}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	text, err := os.ReadFile(os.Args[1])
	check(err)
	var given scenario
	check(json.Unmarshal(text, &given))

	process := exec.Command(given.Worker[0], given.Worker[1:]...)
	stdin, err := process.StdinPipe()
	check(err)
	stdout, err := process.StdoutPipe()
	check(err)
	check(process.Start())
	available := make(chan object, 1)
	stream := jsonrpc2.NewBufferedStream(pipe{stdout, stdin}, jsonrpc2.VSCodeObjectCodec{})
	worker := jsonrpc2.NewConn(ctx, stream, handler{available})
	call := func(method string, params interface{}, options ...jsonrpc2.CallOption) object {
		var result object
		check(worker.Call(ctx, method, params, &result, options...))
		return result
	}

	out := object{}
	phases := []interface{}{}
	// The library sends nil as null. The first id is 0.
	for _, none := range []interface{}{nil, struct{}{}, []int{}, []interface{}{nil}} {
		phases = append(phases, call("worker/status", none)["phase"])
	}
	phases = append(phases, call("worker/status", nil, jsonrpc2.StringID())["phase"])
	out["phases"] = phases
	out["openrpc"] = call("rpc.discover", nil)["openrpc"]
	out["unknown"] = errorOf(worker.Call(ctx, "presence/Get", nil, nil))
	out["invalid"] = errorOf(worker.Call(ctx, "presence/get", nil, nil))
	check(worker.Notify(ctx, "initialized", nil))
	check(worker.Notify(ctx, "no/such/method", nil))
	call("authorization/setClient", given.Client)
	out["authorization"] = call("authorization/import", given.Grant)
	subscribe := object{"uris": []string{given.Address}}
	out["subscription"] = call("presence/subscribe", []object{subscribe})

	id := jsonrpc2.ID{Str: "waiting", IsString: true}
	get := object{"uri": given.Address, "maxWaitMs": 30000}
	waiting, err := worker.DispatchCall(ctx, "presence/get", get, jsonrpc2.PickID(id))
	check(err)
	check(worker.Notify(ctx, "$/cancelRequest", object{"id": id}))
	out["cancelled"] = errorOf(waiting.Wait(ctx, nil))

	select {
	case out["changed"] = <-available:
	case <-ctx.Done():
		log.Fatal("No notification came.")
	}
	out["record"] = call("presence/get", object{"uri": given.Address})
	out["shutdown"] = call("shutdown", nil)
	check(worker.Notify(ctx, "exit", nil))
	<-worker.DisconnectNotify()
	check(process.Wait())
	out["exitCode"] = process.ProcessState.ExitCode()
	check(json.NewEncoder(os.Stdout).Encode(out))
}
