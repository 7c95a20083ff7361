#!/bin/sh
# Opens the shop in the cluster of the current kubeconfig and buys a hundred times.
set -eu
here=$(dirname "$0")
kubectl apply -f "$here/shop.yaml"
for deployment in store-v1 store-v2 buyer; do
  kubectl -n shop rollout status "deployment/$deployment" --timeout=180s
done
echo 'A hundred requests, by the version that answered:'
kubectl -n shop exec deployment/buyer -c buyer -- \
  sh -c 'for i in $(seq 100); do curl --silent --show-error --max-time 5 http://store/; done' | sort | uniq -c
echo 'The same from outside the mesh, which STRICT mutual TLS keeps out:'
kubectl -n default run stranger --rm --attach --restart=Never --quiet --image=curlimages/curl:8.10.1 --command -- \
  curl --silent --show-error --max-time 5 http://store.shop/ || true
