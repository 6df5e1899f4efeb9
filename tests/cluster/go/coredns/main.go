// Command coredns answers the pods' names: CoreDNS with only the plugins that
// the local cluster's Corefile uses.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
)

// A plugin that is not named here is not found in a Corefile; the order is the
// order in which a query passes them (CoreDNS's own plugin.cfg).
func init() {
	dnsserver.Directives = []string{
		"reload", "health", "ready", "errors", "cache", "kubernetes", "loop", "forward",
	}
}

func main() {
	coremain.Run()
}
