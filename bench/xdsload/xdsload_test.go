package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func toAny(m proto.Message) *anypb.Any {
	a, err := anypb.New(m)
	if err != nil {
		panic(err)
	}
	return a
}

func edsCluster(name, service string) *cluster.Cluster {
	return &cluster.Cluster{Name: name, ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_EDS},
		EdsClusterConfig: &cluster.Cluster_EdsClusterConfig{ServiceName: service, EdsConfig: &core.ConfigSource{ConfigSourceSpecifier: &core.ConfigSource_Ads{Ads: &core.AggregatedConfigSource{}}}},
		CircuitBreakers:  &cluster.CircuitBreakers{Thresholds: []*cluster.CircuitBreakers_Thresholds{{MaxConnections: wrapperspb.UInt32(1_234_567_890)}}}}
}

func rdsListener(name string, chains ...string) *listener.Listener {
	l := &listener.Listener{Name: name}
	for i, r := range chains {
		h := &hcm.HttpConnectionManager{StatPrefix: "x", RouteSpecifier: &hcm.HttpConnectionManager_Rds{Rds: &hcm.Rds{RouteConfigName: r}}}
		h.HttpFilters = []*hcm.HttpFilter{{Name: "inline", ConfigType: &hcm.HttpFilter_TypedConfig{TypedConfig: toAny(&route.RouteConfiguration{})}},
			{Name: "ecds", ConfigType: &hcm.HttpFilter_ConfigDiscovery{ConfigDiscovery: &core.ExtensionConfigSource{}}}}
		if r == "" {
			h.RouteSpecifier = &hcm.HttpConnectionManager_RouteConfig{RouteConfig: &route.RouteConfiguration{Name: "inline"}}
		}
		fc := &listener.FilterChain{Filters: []*listener.Filter{{Name: "other"}, {Name: "hcm", ConfigType: &listener.Filter_TypedConfig{TypedConfig: toAny(h)}}}}
		if i == 0 {
			l.DefaultFilterChain = fc
		} else {
			l.FilterChains = append(l.FilterChains, fc)
		}
	}
	return l
}

func raw(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}

func TestScanCluster(t *testing.T) {
	for _, c := range []struct {
		c    *cluster.Cluster
		want string
	}{
		{edsCluster("a", ""), "a"}, {edsCluster("a", "b"), "b"},
		{&cluster.Cluster{Name: "s", ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_STATIC}}, ""},
		{&cluster.Cluster{Name: "o", ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_ORIGINAL_DST}}, ""},
	} {
		if got, err := scanCluster(raw(c.c)); got != c.want || err != nil {
			t.Errorf("%v: got %q %v, want %q", c.c, got, err, c.want)
		}
	}
	if _, err := scanCluster([]byte{0x0a, 0x7f, 1}); err == nil {
		t.Error("malformed cluster accepted")
	}
}

func TestScanListener(t *testing.T) {
	got, ecds, err := scanListener(raw(rdsListener("l", "80", "", "8080", "80")))
	slices.Sort(got)
	if err != nil || ecds != 4 || !slices.Equal(got, []string{"80", "8080"}) {
		t.Errorf("got %v %v %v", got, ecds, err)
	}
}

func TestParse(t *testing.T) {
	d := &discovery.DeltaDiscoveryResponse{TypeUrl: typeURLs[CDS], Nonce: "n", SystemVersionInfo: "v", RemovedResources: []string{"x", "y"},
		Resources: []*discovery.Resource{{Name: "a", Version: "1", Resource: toAny(edsCluster("a", ""))}, {Name: "b", Resource: toAny(edsCluster("b", ""))}}}
	var r response
	if err := r.parse(raw(d), false); err != nil || r.typ != CDS || r.nonce != "n" || len(r.res) != 2 || len(r.removed) != 2 ||
		string(r.res[1].name) != "b" || !slices.Equal(r.res[0].body, d.Resources[0].Resource.Value) {
		t.Errorf("delta: %+v %v", r, err)
	}
	s := &discovery.DiscoveryResponse{TypeUrl: typeURLs[EDS], Nonce: "n", VersionInfo: "v", Resources: []*anypb.Any{toAny(&endpoint.ClusterLoadAssignment{ClusterName: "c"})}}
	if err := r.parse(raw(s), true); err != nil || r.typ != EDS || r.version != "v" || len(r.res) != 1 || string(r.res[0].name) != "c" {
		t.Errorf("sotw: %+v %v", r, err)
	}
	d.Resources[0].Resource.TypeUrl = "type.googleapis.com/other"
	if err := r.parse(raw(d), false); err == nil {
		t.Error("resource of another type accepted")
	}
}

func TestVarintMarker(t *testing.T) {
	if b := raw(edsCluster("a", "")); !containsBytes(b, varintMarker(1_234_567_890)) || containsBytes(b, varintMarker(1_234_567_891)) {
		t.Error("marker")
	}
}

func containsBytes(b, m []byte) bool {
	e := expect{marker: m, cache: map[uint64]bool{}}
	return e.holds(1, b)
}

func TestCanon(t *testing.T) {
	c := edsCluster("a", "")
	f := map[string]*structpb.Value{}
	for i := range 20 {
		f[fmt.Sprint("k", i)] = structpb.NewStringValue(fmt.Sprint("v", i))
	}
	c.Metadata = &core.Metadata{FilterMetadata: map[string]*structpb.Struct{"istio": {Fields: f}, "other": {Fields: f}}}
	forms := map[string]bool{}
	sums := map[uint64]bool{}
	for range 50 {
		a := raw(&route.RouteConfiguration{Name: "r", TypedPerFilterConfig: map[string]*anypb.Any{"x": toAny(c)}}) // the maps are inside an Any
		s, ok := canon(a)
		if !ok {
			t.Fatal("not parsed")
		}
		forms[string(a)], sums[s] = true, true
	}
	if len(forms) < 2 || len(sums) != 1 {
		t.Errorf("%d forms, %d sums", len(forms), len(sums))
	}
	f["k3"] = structpb.NewStringValue("other")
	if s, _ := canon(raw(&route.RouteConfiguration{Name: "r", TypedPerFilterConfig: map[string]*anypb.Any{"x": toAny(c)}})); sums[s] {
		t.Error("a change went unnoticed")
	}
}

func TestMeshNames(t *testing.T) {
	m := Mesh{Services: 30, Namespaces: 4, Pods: 2, VS: -1, DR: -1, AP: -1, GatewayVS: -1}
	if err := m.finish(); err != nil {
		t.Fatal(err)
	}
	ips, keys := map[string]string{}, map[string]bool{}
	for _, st := range m.stages() {
		for _, o := range st {
			key := o.GVR.Resource + "/" + o.U.GetNamespace() + "/" + o.U.GetName()
			if keys[key] {
				t.Errorf("%s twice", key)
			}
			keys[key] = true
			if o.GVR == gvrPod {
				ip := o.U.Object["status"].(M)["podIP"].(string)
				if ips[ip] != "" {
					t.Errorf("%s and %s both have %s", ips[ip], key, ip)
				}
				ips[ip] = key
			}
		}
	}
	if a, b := ip4(10, 128, 255), ip4(10, 128, 65536+513); a != "10.128.0.255" || b != "10.129.2.1" {
		t.Error(a, b)
	}
}

// fakeServer is a small delta server: services of a mesh, and one endpoint change on demand. It checks the client's manners.
type fakeServer struct {
	discovery.UnimplementedAggregatedDiscoveryServiceServer
	m     *Mesh
	mu    sync.Mutex
	errs  []string
	push  []chan string // per stream: address to add to service 0
	order []int         // order of first requests by type, of the first stream
}

func (s *fakeServer) DeltaAggregatedResources(st discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	push := make(chan string, 1)
	s.mu.Lock()
	s.push = append(s.push, push)
	first := len(s.push) == 1
	s.mu.Unlock()
	reqs := make(chan *discovery.DeltaDiscoveryRequest)
	go func() {
		defer close(reqs)
		for {
			r, err := st.Recv()
			if err != nil {
				return
			}
			reqs <- r
		}
	}()
	asked, nonces, n := map[int]bool{}, map[string]bool{}, 0
	send := func(t int, rs ...proto.Message) error {
		n++
		d := &discovery.DeltaDiscoveryResponse{TypeUrl: typeURLs[t], Nonce: fmt.Sprint(n)}
		nonces[d.Nonce] = true
		for _, r := range rs {
			d.Resources = append(d.Resources, &discovery.Resource{Name: string(last(path(raw(r), 1))), Resource: toAny(r)})
		}
		return st.Send(d)
	}
	eds := func(name string, ips ...string) proto.Message {
		c := &endpoint.ClusterLoadAssignment{ClusterName: name, Endpoints: []*endpoint.LocalityLbEndpoints{{}}}
		for _, ip := range ips {
			c.Endpoints[0].LbEndpoints = append(c.Endpoints[0].LbEndpoints, &endpoint.LbEndpoint{HostIdentifier: &endpoint.LbEndpoint_Endpoint{Endpoint: &endpoint.Endpoint{
				Address: &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{Address: ip}}}}}})
		}
		return c
	}
	for {
		select {
		case ip := <-push:
			if err := send(EDS, eds("outbound|80||"+s.m.fqdn(0), "10.0.0.1", ip)); err != nil {
				return err
			}
		case r, ok := <-reqs:
			if !ok {
				s.mu.Lock()
				if len(nonces) > 0 {
					s.errs = append(s.errs, fmt.Sprintf("not acknowledged: %v", nonces))
				}
				s.mu.Unlock()
				return nil
			}
			t := typeIndex([]byte(r.TypeUrl))
			if r.ResponseNonce != "" {
				delete(nonces, r.ResponseNonce)
				continue
			}
			s.mu.Lock()
			if first && !asked[t] {
				s.order = append(s.order, t)
			}
			if (r.Node != nil) != (t == CDS) {
				s.errs = append(s.errs, "node in the wrong request")
			}
			s.mu.Unlock()
			asked[t] = true
			var out []proto.Message
			switch t {
			case CDS:
				for i := 0; i < s.m.Services; i++ {
					out = append(out, edsCluster("outbound|80||"+s.m.fqdn(i), ""))
				}
			case LDS:
				out = append(out, rdsListener("l", "80", "8080"))
			case EDS:
				for _, n := range r.ResourceNamesSubscribe {
					out = append(out, eds(n, "10.0.0.1"))
				}
			case RDS:
				for _, n := range r.ResourceNamesSubscribe {
					out = append(out, &route.RouteConfiguration{Name: n})
				}
			}
			if err := send(t, out...); err != nil {
				return err
			}
		}
	}
}

func TestFleet(t *testing.T) {
	m := &Mesh{Services: 30, Namespaces: 3, Pods: 2, VS: 1, DR: 1, AP: 1, GatewayVS: 1}
	s := &fakeServer{m: m}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(srv, s)
	go func() { _ = srv.Serve(lis) }()
	f, err := newFleet(m, &serverFlags{addr: lis.Addr().String()}, 7, "1.31.0", false)
	if err != nil {
		t.Fatal(err)
	}
	cctx, cancel := context.WithCancel(context.Background())
	if _, ok := f.connect(cctx, 0, 10*time.Second); !ok {
		t.Fatalf("not complete: %d of 7, %v", f.nFull.Load(), f.errors())
	}
	f.quiet(100*time.Millisecond, time.Second)
	for _, c := range f.clients {
		c.mu.Lock()
		if c.st[CDS].count != 30 || c.st[EDS].count != 30 || c.st[LDS].count != 1 || c.st[RDS].count != 2 {
			t.Errorf("client %d: %d %d %d %d", c.idx, c.st[CDS].count, c.st[EDS].count, c.st[LDS].count, c.st[RDS].count)
		}
		c.mu.Unlock()
	}
	// a change: the "write" returns, the last stream is served 80 ms later than the first
	d := &driver{f: f, m: m}
	ch := &change{expects: []*expect{{typ: EDS, name: "outbound|80||" + m.fqdn(0), marker: []byte("10.9.9.9")}}}
	ch.scope(f, func(int) bool { return true })
	ch.apply = func() error {
		go func() {
			for i, p := range s.push {
				if i == len(s.push)-1 {
					time.Sleep(80 * time.Millisecond)
				}
				p <- "10.9.9.9"
			}
		}()
		return nil
	}
	if err := d.do(ch, 5*time.Second, time.Minute); err != nil {
		t.Fatal(err)
	}
	ms, last, lost := ch.lags()
	slices.Sort(ms)
	if len(ms) != 7 || lost != 0 || last < 75 || last > 200 || ms[5] > 60 {
		t.Errorf("lags %v last %v lost %d", ms, last, lost)
	}
	if f.watch.Load() != nil {
		t.Error("watch set not empty after the change")
	}
	f.quiet(100*time.Millisecond, time.Second)
	cancel()
	time.Sleep(100 * time.Millisecond)
	srv.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.errs) > 0 || !slices.Equal(s.order, []int{CDS, EDS, LDS, RDS}) || f.nacks.Load() != 0 {
		t.Errorf("errs %v order %v nacks %d", s.errs, s.order, f.nacks.Load())
	}
}
