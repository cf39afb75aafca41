// SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// resync is how often every object is looked at again without an event: a
// write that failed for good (not a conflict) gets its next chance then.
const resync = 30 * time.Second

// newControllersCommand runs the lab's two small controllers in one process,
// the way kube-controller-manager runs its many: they share the client's
// memory. Both are stand-ins, named as such in the lab's README.
func newControllersCommand() *cobra.Command {
	var kubeconfig, addresses4, addresses6, volumes string
	command := &cobra.Command{
		Use:   "lab-controllers",
		Short: "load-balancer addresses and volumes of the lab",
		RunE: func(command *cobra.Command, _ []string) error {
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			if err != nil {
				return err
			}
			client, err := kubernetes.NewForConfig(config)
			if err != nil {
				return err
			}
			pools, err := parsePools(addresses4, addresses6)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(command.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			factory := informers.NewSharedInformerFactory(client, resync)
			balancer := newLoadBalancer(client, factory, pools)
			provisioner := newProvisioner(client, factory, volumes)
			factory.Start(ctx.Done())
			factory.WaitForCacheSync(ctx.Done())
			go work(ctx, balancer.queue, balancer.sync)
			go work(ctx, provisioner.claims, provisioner.syncClaim)
			go work(ctx, provisioner.volumes, provisioner.syncVolume)
			<-ctx.Done()
			return nil
		},
	}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "kubeconfig of an administrator")
	command.Flags().StringVar(&addresses4, "pool4", "", "IPv4 addresses for load balancers: FIRST-LAST")
	command.Flags().StringVar(&addresses6, "pool6", "", "IPv6 addresses for load balancers: FIRST-LAST")
	command.Flags().StringVar(&volumes, "volumes", "", "directory that holds one directory per volume")
	return command
}

type queue = workqueue.TypedRateLimitingInterface[string]

func newQueue() queue {
	return workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](50*time.Millisecond, 5*time.Second))
}

// enqueue returns handlers that put an object's key into the queue, deleted
// objects included.
func enqueue(into queue) cache.ResourceEventHandlerFuncs {
	add := func(object any) {
		if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object); err == nil {
			into.Add(key)
		}
	}
	return cache.ResourceEventHandlerFuncs{AddFunc: add, UpdateFunc: func(_, object any) { add(object) }, DeleteFunc: add}
}

// work takes keys from the queue until ctx ends; a failed key comes again, later each time.
func work(ctx context.Context, from queue, sync func(context.Context, string) error) {
	go func() { <-ctx.Done(); from.ShutDown() }()
	for {
		key, closed := from.Get()
		if closed {
			return
		}
		if err := sync(ctx, key); err != nil {
			klog.ErrorS(err, "will try again", "key", key)
			from.AddRateLimited(key)
		} else {
			from.Forget(key)
		}
		from.Done(key)
	}
}
