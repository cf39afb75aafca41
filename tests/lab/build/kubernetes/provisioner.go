// SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

const (
	provisionerName  = "lab.test/local"
	provisionedBy    = "pv.kubernetes.io/provisioned-by"
	wantsProvisioner = "volume.kubernetes.io/storage-provisioner" // set by kube-controller-manager on the claim
)

// provisioner makes one directory per claim of a StorageClass with our
// provisioner name. The directories are mode 0777: kubelet applies no fsGroup
// to hostPath volumes, and pods that are not root must be able to write.
type provisioner struct {
	client          kubernetes.Interface
	claimLister     listers.PersistentVolumeClaimLister
	volumeLister    listers.PersistentVolumeLister
	classes         storagelisters.StorageClassLister
	root            string
	claims, volumes queue
}

func newProvisioner(client kubernetes.Interface, factory informers.SharedInformerFactory, root string) *provisioner {
	claims, volumes := factory.Core().V1().PersistentVolumeClaims(), factory.Core().V1().PersistentVolumes()
	p := &provisioner{client, claims.Lister(), volumes.Lister(), factory.Storage().V1().StorageClasses().Lister(), root, newQueue(), newQueue()}
	_, _ = claims.Informer().AddEventHandler(enqueue(p.claims))
	_, _ = volumes.Informer().AddEventHandler(enqueue(p.volumes))
	return p
}

func (p *provisioner) syncClaim(ctx context.Context, key string) error {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return nil
	}
	claim, err := p.claimLister.PersistentVolumeClaims(namespace).Get(name)
	if errors.IsNotFound(err) {
		return nil
	} else if err != nil {
		return err
	}
	if claim.Spec.VolumeName != "" || claim.DeletionTimestamp != nil || claim.Annotations[wantsProvisioner] != provisionerName || claim.Spec.StorageClassName == nil {
		return nil
	}
	class, err := p.classes.Get(*claim.Spec.StorageClassName)
	if err != nil {
		return err
	}
	reclaim := core.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		reclaim = *class.ReclaimPolicy
	}
	return p.provision(ctx, claim, class.Name, reclaim)
}

func (p *provisioner) provision(ctx context.Context, claim *core.PersistentVolumeClaim, class string, reclaim core.PersistentVolumeReclaimPolicy) error {
	name := "pvc-" + string(claim.UID)
	path := filepath.Join(p.root, name)
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	if err := os.Chmod(path, 0o777); err != nil { // MkdirAll obeys the umask
		return err
	}
	kind := core.HostPathDirectory
	volume := &core.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{Name: name, Annotations: map[string]string{provisionedBy: provisionerName}},
		Spec: core.PersistentVolumeSpec{
			Capacity:                      core.ResourceList{core.ResourceStorage: claim.Spec.Resources.Requests[core.ResourceStorage]},
			AccessModes:                   claim.Spec.AccessModes,
			StorageClassName:              class,
			PersistentVolumeReclaimPolicy: reclaim,
			PersistentVolumeSource:        core.PersistentVolumeSource{HostPath: &core.HostPathVolumeSource{Path: path, Type: &kind}},
			ClaimRef: &core.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
		},
	}
	_, err := p.client.CoreV1().PersistentVolumes().Create(ctx, volume, meta.CreateOptions{})
	if errors.IsAlreadyExists(err) {
		return nil
	}
	klog.InfoS("volume", "claim", claim.Namespace+"/"+claim.Name, "path", path, "err", err)
	return err
}

// syncVolume deletes a released volume of ours and its directory, if the class says Delete.
func (p *provisioner) syncVolume(ctx context.Context, name string) error {
	volume, err := p.volumeLister.Get(name)
	if errors.IsNotFound(err) {
		return nil
	} else if err != nil {
		return err
	}
	if volume.Annotations[provisionedBy] != provisionerName || volume.Spec.HostPath == nil ||
		volume.Status.Phase != core.VolumeReleased || volume.Spec.PersistentVolumeReclaimPolicy != core.PersistentVolumeReclaimDelete {
		return nil
	}
	path := filepath.Clean(volume.Spec.HostPath.Path)
	if !strings.HasPrefix(path, filepath.Clean(p.root)+"/") {
		return fmt.Errorf("volume %s: %s is not below %s, left alone", name, path, p.root)
	}
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	klog.InfoS("volume deleted", "path", path)
	return errorUnlessNotFound(p.client.CoreV1().PersistentVolumes().Delete(ctx, name, meta.DeleteOptions{}))
}

func errorUnlessNotFound(err error) error {
	if errors.IsNotFound(err) {
		return nil
	}
	return err
}
