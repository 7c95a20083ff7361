// Stands in for the image `echo-advanced` of Gateway API's conformance suite: as `server` it tells who was asked and how,
// as `client`, which the suite runs inside the same container, it asks and prints the answers for the suite to read.
// https://gateway-api.sigs.k8s.io/concepts/conformance/
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	run := serve
	if filepath.Base(os.Args[0]) == "client" {
		run = ask
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
