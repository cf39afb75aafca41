// SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"flag"
	"os"

	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
	_ "github.com/coredns/coredns/plugin/template"
	"github.com/spf13/cobra"
)

// newCoreDNSCommand runs CoreDNS with only the plugins the lab uses; all of
// them would add minutes to a cold build. Both share every library: where CoreDNS
// asks for a newer version than Kubernetes, go.mod keeps Kubernetes' own.
func newCoreDNSCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "coredns -conf FILE",
		Short:              "DNS server of the lab",
		DisableFlagParsing: true, // CoreDNS reads its own flags
		Run: func(_ *cobra.Command, args []string) {
			os.Args = append([]string{"coredns"}, args...)
			flag.CommandLine.Init("coredns", flag.ExitOnError)
			coremain.Run()
		},
	}
}
