// SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// pool is a range of addresses, both ends included.
type pool struct{ first, last netip.Addr }

func (p pool) contains(address netip.Addr) bool {
	return p.first.Compare(address) <= 0 && address.Compare(p.last) <= 0
}

// parsePools reads "FIRST-LAST" per family; an empty text means no addresses of that family.
func parsePools(texts ...string) (map[core.IPFamily]pool, error) {
	pools := map[core.IPFamily]pool{}
	for _, text := range texts {
		if text == "" {
			continue
		}
		first, last, _ := strings.Cut(text, "-")
		from, err := netip.ParseAddr(first)
		if err != nil {
			return nil, fmt.Errorf("pool %q: %w", text, err)
		}
		to, err := netip.ParseAddr(last)
		if err != nil {
			return nil, fmt.Errorf("pool %q: %w", text, err)
		}
		pools[family(from)] = pool{from, to}
	}
	return pools, nil
}

func family(address netip.Addr) core.IPFamily {
	if address.Is4() {
		return core.IPv4Protocol
	}
	return core.IPv6Protocol
}

// loadBalancer gives each Service of type LoadBalancer one address per
// family. kube-proxy then answers on it, so the address needs no interface.
type loadBalancer struct {
	client   kubernetes.Interface
	services listers.ServiceLister
	pools    map[core.IPFamily]pool
	queue    queue
	given    map[netip.Addr]string // addresses handed out and not yet seen in the lister
}

func newLoadBalancer(client kubernetes.Interface, factory informers.SharedInformerFactory, pools map[core.IPFamily]pool) *loadBalancer {
	informer := factory.Core().V1().Services()
	balancer := &loadBalancer{client, informer.Lister(), pools, newQueue(), map[netip.Addr]string{}}
	_, _ = informer.Informer().AddEventHandler(enqueue(balancer.queue))
	return balancer
}

func (b *loadBalancer) sync(ctx context.Context, key string) error {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return nil
	}
	service, err := b.services.Services(namespace).Get(name)
	if errors.IsNotFound(err) {
		b.forget(key)
		return nil
	} else if err != nil {
		return err
	}
	wanted := service.DeepCopy()
	wanted.Status.LoadBalancer = core.LoadBalancerStatus{}
	ours := service.Spec.Type == core.ServiceTypeLoadBalancer && service.Spec.LoadBalancerClass == nil && service.DeletionTimestamp == nil
	if service.Spec.LoadBalancerClass != nil {
		return nil // somebody else's
	} else if ours {
		if wanted.Status.LoadBalancer.Ingress, err = b.addresses(service, key); err != nil {
			return err
		}
	} else {
		b.forget(key)
	}
	if equality.Semantic.DeepEqual(service.Status.LoadBalancer, wanted.Status.LoadBalancer) {
		return nil
	}
	klog.InfoS("service address", "service", key, "ingress", wanted.Status.LoadBalancer.Ingress)
	_, err = b.client.CoreV1().Services(namespace).UpdateStatus(ctx, wanted, meta.UpdateOptions{})
	return err
}

func (b *loadBalancer) forget(key string) {
	for address, owner := range b.given {
		if owner == key {
			delete(b.given, address)
		}
	}
}

// addresses keeps what the service has, honours spec.loadBalancerIP, else takes the lowest free address.
func (b *loadBalancer) addresses(service *core.Service, key string) ([]core.LoadBalancerIngress, error) {
	taken, err := b.taken(key)
	if err != nil {
		return nil, err
	}
	mode := core.LoadBalancerIPModeVIP
	var ingress []core.LoadBalancerIngress
	for _, wanted := range service.Spec.IPFamilies {
		addresses, known := b.pools[wanted]
		if !known {
			continue
		}
		choice := choose(service, wanted, addresses, taken)
		if !choice.IsValid() {
			return nil, fmt.Errorf("no free %s address for %s", wanted, key)
		}
		b.given[choice] = key
		ingress = append(ingress, core.LoadBalancerIngress{IP: choice.String(), IPMode: &mode})
	}
	return ingress, nil
}

// taken are the addresses of all services but the one named.
func (b *loadBalancer) taken(but string) (map[netip.Addr]bool, error) {
	all, err := b.services.List(labels.Everything())
	if err != nil {
		return nil, err
	}
	taken := map[netip.Addr]bool{}
	for address, owner := range b.given {
		taken[address] = taken[address] || owner != but
	}
	for _, service := range all {
		if service.Namespace+"/"+service.Name == but || service.Spec.Type != core.ServiceTypeLoadBalancer {
			continue
		}
		for _, ingress := range service.Status.LoadBalancer.Ingress {
			if address, err := netip.ParseAddr(ingress.IP); err == nil {
				taken[address] = true
			}
		}
	}
	return taken, nil
}

func choose(service *core.Service, wanted core.IPFamily, from pool, taken map[netip.Addr]bool) netip.Addr {
	asked, _ := netip.ParseAddr(service.Spec.LoadBalancerIP)
	if asked.IsValid() && family(asked) == wanted && from.contains(asked) && !taken[asked] {
		return asked
	}
	for _, ingress := range service.Status.LoadBalancer.Ingress {
		had, err := netip.ParseAddr(ingress.IP)
		if err == nil && family(had) == wanted && from.contains(had) && !taken[had] {
			return had
		}
	}
	for address := from.first; from.contains(address); address = address.Next() {
		if !taken[address] {
			return address
		}
	}
	return netip.Addr{}
}
