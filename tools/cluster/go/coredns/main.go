// Command coredns answers the pods' names: CoreDNS with only the plugins that
// the local cluster's Corefile uses.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

// A plugin that is not named here is not found in a Corefile; the order is the
// order in which a query passes them (CoreDNS's own plugin.cfg).
func init() {
	dnsserver.Directives = []string{
		"bind", "ready", "health", "errors", "cache", "kubernetes", "forward",
	}
}

func main() {
	coremain.Run()
}
