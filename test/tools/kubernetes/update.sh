#!/bin/sh
# Writes go.mod and go.sum of this directory anew: update.sh KUBERNETES ETCD (versions such as v1.36.3 v3.6.8; etcd's is the
# one that Kubernetes' own go.mod asks for). This is the one place that names Kubernetes' version. Kubernetes keeps its staging
# modules at v0.0.0: each is replaced by the one that was published with it.
set -eu
cd "$(dirname "$0")"
kubernetes=$1 etcd=$2
export GOWORK=off GOFLAGS=-mod=mod
rm -f go.mod go.sum
go mod init keelson/test/tools/kubernetes
go mod edit -go=1.26.0 -require="k8s.io/kubernetes@$kubernetes" -require="go.etcd.io/etcd/server/v3@$etcd"
own=$(go env GOMODCACHE)/cache/download/k8s.io/kubernetes/@v/$kubernetes.mod
go mod download "k8s.io/kubernetes@$kubernetes"
for module in $(awk '$1 ~ /^k8s.io\// && $2 == "v0.0.0" { print $1 }' "$own" | sort -u); do
  go mod edit -replace="$module=$module@v0${kubernetes#v1}"
done
for program in kube-apiserver kube-controller-manager kube-proxy kube-scheduler kubeadm kubectl kubelet; do
  go mod edit -tool="k8s.io/kubernetes/cmd/$program"
done
go mod edit -tool=go.etcd.io/etcd/server/v3
go mod tidy
