package main

// One simulated sidecar: a stream to the control plane that subscribes and acknowledges as Envoy does
// (CDS; EDS for its clusters; then LDS, once the clusters are warm; RDS for its listeners).

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

func (c *client) keepAll() {
	c.keep = &[nTypes]map[uint32][]byte{}
	for t := range nTypes {
		c.keep[t] = map[uint32][]byte{}
	}
}

// names maps resource names to small numbers, shared by all clients.
type names struct {
	mu   sync.RWMutex
	ids  map[string]uint32
	list []string
}

func (n *names) id(b []byte) uint32 {
	n.mu.RLock()
	id, ok := n.ids[string(b)]
	n.mu.RUnlock()
	if ok {
		return id
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if id, ok := n.ids[string(b)]; ok {
		return id
	}
	id = uint32(len(n.list))
	n.list = append(n.list, string(b))
	n.ids[n.list[id]] = id
	return id
}

func (n *names) name(id uint32) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.list[id]
}

// facts are what the clients need from a resource; scanned once per content, shared by all clients.
type facts struct {
	names []uint32 // EDS names of a cluster, RDS names of a listener
	err   error
}

// typeState is one client's state of one resource type.
type typeState struct {
	have    []uint64 // by name id: hash of the content, 0 if absent
	count   int
	refs    []uint16 // by name id: how many clusters or listeners want it (EDS, RDS)
	wanted  int
	missing int // wanted, and neither received nor declared absent
	none    []bool
	first   bool // a response has come
	asked   bool
	version string
	nonce   string
}

func grow[T any](s *[]T, id uint32) {
	if n := int(id) + 1 - len(*s); n > 0 {
		*s = append(*s, make([]T, n)...)
	}
}

func (t *typeState) at(id uint32) uint64 {
	if int(id) < len(t.have) {
		return t.have[id]
	}
	return 0
}

type client struct {
	idx, ns int
	mu      sync.Mutex // held while a message is worked on; guards the state against the reports
	node    *core.Node
	f       *fleet
	rng     *rand.Rand
	st      [nTypes]typeState
	deps    [nTypes][][]uint32         // CDS, LDS: by name id, what the resource made us want
	keep    *[nTypes]map[uint32][]byte // the resources themselves, of the few clients that verify compares
	full    bool
	resp    response
	out     sendQueue

	fullAt            time.Time
	bytes             atomic.Int64
	rejected, dropped atomic.Int64
}

// sendQueue is unbounded, like Envoy's: a client never stops reading because the server does not read.
type sendQueue struct {
	mu     sync.Mutex
	cond   *sync.Cond
	q      [][]byte
	closed bool
}

func (s *sendQueue) put(b []byte) { s.mu.Lock(); s.q = append(s.q, b); s.mu.Unlock(); s.cond.Signal() }
func (s *sendQueue) close()       { s.mu.Lock(); s.closed = true; s.mu.Unlock(); s.cond.Signal() }
func (s *sendQueue) get() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.q) == 0 && !s.closed {
		s.cond.Wait()
	}
	q := s.q
	s.q = nil
	if s.closed {
		return nil
	}
	return q
}

// nodeFor builds the node that pilot-agent writes into the bootstrap of an injected pod
// (taken from a bootstrap captured from pilot-agent with the environment of the injection template).
func nodeFor(m *Mesh, i, p int, istioVersion, discoveryAddress string, hostByHost bool) *core.Node {
	ns, svc, ip, name := m.ns(i), svcName(i), m.podIP(i, p), podName(i, p)
	podPorts := "["
	for k, pt := range ports(i) {
		if k > 0 {
			podPorts += ","
		}
		podPorts += fmt.Sprintf(`{"name":%q,"containerPort":%d,"protocol":"TCP"}`, pt.Name, pt.Target)
	}
	meta := M{
		"APP_CONTAINERS": "app", "CLUSTER_ID": "Kubernetes", "ENVOY_PROMETHEUS_PORT": 15090, "ENVOY_SKIP_DEPRECATED_LOGS": "true",
		"ENVOY_STATUS_PORT": 15021, "INSTANCE_IPS": ip, "INTERCEPTION_MODE": "REDIRECT", "ISTIO_VERSION": istioVersion,
		"LABELS": podLabels(i, p), "MESH_ID": domain, "METADATA_DISCOVERY": "false", "NAME": name, "NAMESPACE": ns,
		"NODE_NAME": nodeName(i + p), "OWNER": "kubernetes://apis/apps/v1/namespaces/" + ns + "/deployments/" + svc,
		"POD_PORTS": podPorts + "]", "SERVICE_ACCOUNT": svc, "WORKLOAD_IDENTITY_SOCKET_FILE": "socket", "WORKLOAD_NAME": svc,
		"PROXY_CONFIG": M{"binaryPath": "/usr/local/bin/envoy", "concurrency": 2, "configPath": "./etc/istio/proxy",
			"discoveryAddress": discoveryAddress, "drainDuration": "45s", "proxyAdminPort": 15000, "serviceCluster": "istio-proxy",
			"statNameLength": 189, "statusPort": 15020, "terminationDrainDuration": "5s"},
	}
	if hostByHost {
		meta["ROUTE_DELIVERY"] = "virtual-hosts"
		meta["SELF_LABELS"] = "environment"
	}
	s, err := structpb.NewStruct(meta)
	if err != nil {
		panic(err)
	}
	return &core.Node{Id: fmt.Sprintf("sidecar~%s~%s.%s~%s.svc.%s", ip, name, ns, ns, domain), Cluster: svc + "." + ns,
		Metadata: s, Locality: &core.Locality{}, UserAgentName: "envoy",
		UserAgentVersionType: &core.Node_UserAgentVersion{UserAgentVersion: "1.37.0"}}
}

// run keeps a stream open until ctx ends; it retries with Envoy's back-off (base 0.5 s, at most 30 s, full jitter).
func (c *client) run(ctx context.Context) {
	next := 500 * time.Millisecond
	for ctx.Err() == nil {
		got, err := c.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if got {
			next = 500 * time.Millisecond
			c.dropped.Add(1)
		} else {
			c.rejected.Add(1)
		}
		c.f.fail(err)
		wait := time.Duration(c.rng.Int63n(int64(next)))
		if c.f.fastRetry {
			wait = 100 * time.Millisecond
		}
		next = min(2*next, 30*time.Second)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// session is one connection with one stream; got says whether any response came.
func (c *client) session(parent context.Context) (got bool, err error) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	conn, err := grpc.NewClient(c.f.target, c.f.dialOptions()...)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	if t := c.f.tokens; t != nil {
		tok, err := t(c)
		if err != nil {
			return false, err
		}
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+tok)
	}
	method := "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
	if c.f.sotw {
		method = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
	}
	s, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method)
	if err != nil {
		return false, err
	}
	c.mu.Lock()
	if c.full {
		c.f.nFull.Add(-1)
	}
	c.st, c.deps, c.full = [nTypes]typeState{}, [nTypes][][]uint32{}, false
	c.mu.Unlock()
	c.out = sendQueue{}
	c.out.cond = sync.NewCond(&c.out.mu)
	defer c.out.close()
	go func() {
		for q := c.out.get(); q != nil; q = c.out.get() {
			for _, b := range q {
				if s.SendMsg(b) != nil {
					return // RecvMsg reports the reason
				}
			}
		}
	}()
	c.subscribe(CDS, nil, nil, true)
	for {
		var m rawMsg
		if err := s.RecvMsg(&m); err != nil {
			return got, err
		}
		got = true
		c.message(m.buf.ReadOnlyData())
		m.buf.Free()
	}
}

func (c *client) send(m proto.Message) {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	c.out.put(b)
}

// subscribe sends a changed subscription, or with initial the first request of the type.
func (c *client) subscribe(t int, add, del []uint32, initial bool) {
	st := &c.st[t]
	var node *core.Node
	if t == CDS && initial {
		node = c.node // set_node_on_first_message_only
	}
	st.asked = true
	if c.f.sotw {
		c.send(&discovery.DiscoveryRequest{Node: node, TypeUrl: typeURLs[t], VersionInfo: st.version, ResponseNonce: st.nonce, ResourceNames: c.wantedNames(t)})
		return
	}
	toNames := func(ids []uint32) (out []string) {
		for _, id := range ids {
			out = append(out, c.f.names[t].name(id))
		}
		return
	}
	c.send(&discovery.DeltaDiscoveryRequest{Node: node, TypeUrl: typeURLs[t], ResourceNamesSubscribe: toNames(add), ResourceNamesUnsubscribe: toNames(del)})
}

func (c *client) wantedNames(t int) (out []string) {
	for id, n := range c.st[t].refs {
		if n > 0 {
			out = append(out, c.f.names[t].name(uint32(id)))
		}
	}
	return out
}

func (c *client) ack(r *response, bad error) {
	e := statusOf(bad)
	if c.f.sotw {
		st := &typeState{}
		var names []string
		if r.typ >= 0 {
			st = &c.st[r.typ]
			st.nonce = r.nonce
			if bad == nil {
				st.version = r.version
			}
			names = c.wantedNames(r.typ)
		}
		c.send(&discovery.DiscoveryRequest{TypeUrl: r.url, VersionInfo: st.version, ResponseNonce: r.nonce, ResourceNames: names, ErrorDetail: e})
		return
	}
	c.send(&discovery.DeltaDiscoveryRequest{TypeUrl: r.url, ResponseNonce: r.nonce, ErrorDetail: e})
}

// want counts references to an EDS or RDS name; it reports a name that became wanted or unwanted.
func (st *typeState) want(id uint32, d int) bool {
	grow(&st.refs, id)
	grow(&st.none, id)
	was := st.refs[id] > 0
	st.refs[id] = uint16(int(st.refs[id]) + d)
	is := st.refs[id] > 0
	switch {
	case is && !was:
		st.wanted++
		st.none[id] = false
		if st.at(id) == 0 {
			st.missing++
		}
	case was && !is:
		st.wanted--
		if st.at(id) == 0 && !st.none[id] {
			st.missing--
		}
		if st.at(id) != 0 { // Envoy forgets what it does not watch
			st.have[id] = 0
			st.count--
		}
	}
	return is != was
}

func (st *typeState) isWanted(id uint32) bool { return int(id) < len(st.refs) && st.refs[id] > 0 }

var seed = maphash.MakeSeed()

func (c *client) message(msg []byte) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.f
	c.bytes.Add(int64(len(msg)))
	f.lastRecv.Store(now.UnixNano())
	r := &c.resp
	err := r.parse(msg, f.sotw)
	if r.typ < 0 {
		f.fail(fmt.Errorf("response of unknown type %q", r.url))
		return
	}
	f.count(r, len(msg))
	t, st := r.typ, &c.st[r.typ]
	var add, del []uint32
	child := -1 // the type that this one makes us subscribe to
	if t == CDS {
		child = EDS
	} else if t == LDS {
		child = RDS
	}
	watch := f.watch.Load()
	var seen []bool
	if f.sotw && child >= 0 {
		seen = make([]bool, len(st.have))
	}
	redundant := 0
	for i := range r.res {
		x := &r.res[i]
		if len(x.name) == 0 {
			err = errors.New("resource without a name")
			continue
		}
		id := f.names[t].id(x.name)
		h := maphash.Bytes(seed, x.body) | 1
		if seen != nil {
			grow(&seen, id)
			seen[id] = true
		}
		grow(&st.have, id)
		old := st.have[id]
		if old == h {
			redundant++
		}
		named := child < 0 && t != VHDS // asked for by name
		if named && !st.isWanted(id) {
			f.unasked.Add(1)
			continue
		}
		if old == 0 {
			st.count++
			if named && !st.none[id] {
				st.missing--
			}
			if named {
				st.none[id] = false
			}
		}
		st.have[id] = h
		if c.keep != nil && old != h {
			c.keep[t][id] = bytes.Clone(x.body)
		}
		if old != h && (child >= 0 || f.validate || f.dump != nil) {
			fa := f.facts(t, h, x.body)
			if fa.err != nil {
				err = fa.err
			}
			if child >= 0 {
				c.depend(t, child, id, fa.names, &add, &del)
			}
			if f.dump != nil && c.idx == 0 {
				f.dump.add(t, string(x.name), x.body)
			}
		}
		if watch != nil {
			watch.see(c, t, id, h, x.body, now)
		}
	}
	f.redundant[t].Add(int64(redundant))
	gone := func(id uint32) {
		if child >= 0 {
			c.depend(t, child, id, nil, &add, &del)
		}
		if st.at(id) != 0 {
			st.have[id] = 0
			st.count--
			if child < 0 && st.isWanted(id) {
				st.none[id] = true
			}
		} else if child < 0 && st.isWanted(id) && !st.none[id] {
			st.none[id] = true
			st.missing--
		}
		if watch != nil {
			watch.gone(c, t, id, now)
		}
	}
	for _, n := range r.removed {
		gone(f.names[t].id(n))
	}
	if seen != nil { // state of the world: what is not in it is gone
		for id := range st.have {
			if st.have[id] != 0 && !seen[id] {
				gone(uint32(id))
			}
		}
	}
	if err != nil {
		f.nacks.Add(1)
		f.fail(fmt.Errorf("NACK %s: %w", shortNames[t], err))
	}
	st.first = true
	c.ack(r, err)
	if t == RDS && f.hostByHost && !c.st[VHDS].asked { // as Envoy does at its first route configuration without hosts
		c.subscribe(VHDS, nil, nil, true)
	}
	if len(add) > 0 || len(del) > 0 { // a name dropped and wanted again in one message is asked for anew
		cs := &c.st[child]
		add = slices.DeleteFunc(add, func(id uint32) bool { return !cs.isWanted(id) })
		del = slices.DeleteFunc(del, cs.isWanted)
		c.subscribe(child, add, del, false)
	}
	if !c.st[LDS].asked && c.st[CDS].first && c.st[EDS].missing == 0 {
		c.subscribe(LDS, nil, nil, true)
	}
	if !c.full && c.st[LDS].first && c.st[EDS].missing == 0 && c.st[RDS].missing == 0 && (!f.hostByHost || c.st[VHDS].first) && f.lacks(c) == 0 {
		c.full, c.fullAt = true, now
		f.nFull.Add(1)
	}
}

// depend replaces what resource id of type t wants from the child type.
func (c *client) depend(t, child int, id uint32, want []uint32, add, del *[]uint32) {
	grow(&c.deps[t], id)
	cs := &c.st[child]
	old := c.deps[t][id]
	for _, n := range want {
		if cs.want(n, 1) {
			*add = append(*add, n)
		}
	}
	for _, n := range old {
		if cs.want(n, -1) {
			*del = append(*del, n)
		}
	}
	c.deps[t][id] = want
}

// missingNames lists some of the names a client still waits for, to say why it is not complete.
func (c *client) missingNames(t, limit int) (out []string) {
	st := &c.st[t]
	for id, n := range st.refs {
		if n > 0 && st.at(uint32(id)) == 0 && !st.none[id] && len(out) < limit {
			out = append(out, c.f.names[t].name(uint32(id)))
		}
	}
	return
}

func short(err error) string {
	if s, ok := status.FromError(err); ok && s.Code() != codes.OK {
		m := s.Message()
		if len(m) > 120 {
			m = m[:120]
		}
		return s.Code().String() + ": " + m
	}
	return err.Error()
}
