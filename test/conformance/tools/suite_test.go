// Gateway API's own conformance suite as a program: `go test -c` makes it, and its flags are the suite's.
package conformance

import (
	"testing"

	"sigs.k8s.io/gateway-api/conformance"
	"sigs.k8s.io/gateway-api/conformance/tests"
)

func TestGatewayAPI(t *testing.T) {
	// The suite writes its report before tests that run in parallel have ended, and counts them as passed.
	for i := range tests.ConformanceTests {
		tests.ConformanceTests[i].Parallel = false
	}
	conformance.RunConformance(t)
}
