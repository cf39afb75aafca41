// SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
)

// newEtcdCommand runs etcd at the version whose client Kubernetes has. Debian
// 12's etcd-server is 3.4, which knows no way to leave out fsync: with it a
// slow disk decides how fast the lab is.
func newEtcdCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "etcd",
		Short:              "database of the API server",
		DisableFlagParsing: true, // etcd reads its own flags
		Run:                func(_ *cobra.Command, args []string) { etcdmain.Main(append([]string{"etcd"}, args...)) },
	}
}
