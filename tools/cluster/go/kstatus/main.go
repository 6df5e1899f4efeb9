// kstatus says of every object of a JSON array on standard input how Flux and the kpt family of tools read it.
//
// It prints a JSON array of {"status", "message"} in the same order.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type reading struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "kstatus:", err)
		os.Exit(1)
	}
}

func run() error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var objects []any
	if err := utiljson.Unmarshal(text, &objects); err != nil { // keeps integers, which encoding/json does not
		return err
	}
	readings := make([]reading, 0, len(objects))
	for number, object := range objects {
		content, isObject := object.(map[string]any)
		if !isObject {
			return fmt.Errorf("entry %d is no object", number)
		}
		found, err := status.Compute(&unstructured.Unstructured{Object: content})
		if err != nil {
			return err
		}
		readings = append(readings, reading{string(found.Status), found.Message})
	}
	return json.NewEncoder(os.Stdout).Encode(readings)
}
