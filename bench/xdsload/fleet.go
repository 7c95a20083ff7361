package main

// All simulated sidecars together: flags, counters, the connect phase and its report.

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/proto"
)

type serverFlags struct {
	addr, ca, serverName, token, tokenKube string
	serverPID                              int
	watch, out                             string
}

func (s *serverFlags) flags(fs *flag.FlagSet) {
	fs.StringVar(&s.addr, "addr", "127.0.0.1:15010", "host:port of the control plane")
	fs.StringVar(&s.ca, "ca", "", "PEM file with the CA of the control plane: use TLS")
	fs.StringVar(&s.serverName, "server-name", "istiod.istio-system.svc", "name expected in the server's certificate")
	fs.StringVar(&s.token, "token", "", "file with a bearer token, for all clients")
	fs.StringVar(&s.tokenKube, "token-kubeconfig", "", "kubeconfig: a token (audience istio-ca) for each client's own service account")
	fs.IntVar(&s.serverPID, "server-pid", 0, "process whose CPU and memory to report (with its children)")
	fs.StringVar(&s.watch, "watch", "", "name=pid,...: other processes whose CPU to report (kube-apiserver, etcd)")
	fs.StringVar(&s.out, "out", "", "also write the JSON report into this file")
}

func (s *serverFlags) transport() (credentials.TransportCredentials, error) {
	if s.ca == "" {
		return insecure.NewCredentials(), nil
	}
	pem, err := os.ReadFile(s.ca)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", s.ca)
	}
	return credentials.NewTLS(&tls.Config{RootCAs: pool, ServerName: s.serverName}), nil
}

// tokenSource returns the bearer token for a service account.
func (s *serverFlags) tokenSource() (func(ns, sa string) (string, error), error) {
	if s.token != "" {
		b, err := os.ReadFile(s.token)
		return func(string, string) (string, error) { return strings.TrimSpace(string(b)), nil }, err
	}
	if s.tokenKube == "" {
		return nil, nil
	}
	k, err := newKube(s.tokenKube)
	if err != nil {
		return nil, err
	}
	var cache sync.Map
	return func(ns, sa string) (string, error) {
		if t, ok := cache.Load(ns + "/" + sa); ok {
			return t.(string), nil
		}
		t, err := k.token(ns, sa, "istio-ca")
		if err == nil {
			cache.Store(ns+"/"+sa, t)
		}
		return t, err
	}, nil
}

type fleet struct {
	mesh       *Mesh
	target     string
	creds      credentials.TransportCredentials
	sotw       bool
	validate   bool
	fastRetry  bool
	hostByHost bool
	tokens     func(*client) (string, error)
	clients    []*client
	expected   [][]uint32 // by namespace: CDS names that a complete configuration has

	names     [nTypes]*names
	factMu    sync.RWMutex
	factMap   map[[2]uint64]*facts
	watch     atomic.Pointer[watchSet]
	dump      *dump
	lastRecv  atomic.Int64
	nFull     atomic.Int64
	nacks     atomic.Int64
	unasked   atomic.Int64
	ecds      atomic.Int64
	msgs      [nTypes]atomic.Int64
	bytes     [nTypes]atomic.Int64
	resources [nTypes]atomic.Int64
	redundant [nTypes]atomic.Int64
	errMu     sync.Mutex
	errs      map[string]int
}

func (f *fleet) dialOptions() []grpc.DialOption { // windows and pings as of pilot-agent
	pings := keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}
	if f.hostByHost { // as Envoy with the bootstrap that Keelson writes
		pings = keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second}
	}
	return []grpc.DialOption{grpc.WithTransportCredentials(f.creds), grpc.WithInitialWindowSize(1 << 20), grpc.WithInitialConnWindowSize(1 << 20),
		grpc.WithKeepaliveParams(pings),
		grpc.WithSharedWriteBuffer(true), grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.ForceCodecV2(codec{}))}
}

func newFleet(m *Mesh, s *serverFlags, n int, istioVersion string, hostByHost bool) (*fleet, error) {
	f := &fleet{mesh: m, hostByHost: hostByHost, target: "passthrough:///" + s.addr, errs: map[string]int{}, factMap: map[[2]uint64]*facts{}}
	var err error
	if f.creds, err = s.transport(); err != nil {
		return nil, err
	}
	ts, err := s.tokenSource()
	if err != nil {
		return nil, err
	}
	for t := range f.names {
		f.names[t] = &names{ids: map[string]uint32{}}
	}
	for ns := 0; ns < m.Namespaces; ns++ {
		var ids []uint32
		for i := 0; i < m.Services; i++ {
			if m.affects(i%m.Namespaces, ns) {
				ids = append(ids, f.names[CDS].id([]byte("outbound|80||"+m.fqdn(i))))
			}
		}
		f.expected = append(f.expected, ids)
	}
	pods := m.Services * m.Pods
	stride := max(1, pods/max(1, n))
	for gcd(stride, pods*m.Namespaces) != 1 { // spread over pods, services and namespaces
		stride++
	}
	for k := 0; k < n; k++ {
		pod := k * stride % pods
		i, p := pod%m.Services, pod/m.Services
		f.clients = append(f.clients, &client{idx: k, ns: i % m.Namespaces, f: f, rng: rand.New(rand.NewSource(int64(k))),
			node: nodeFor(m, i, p, istioVersion, s.addr, hostByHost)})
	}
	if ts != nil {
		f.tokens = func(c *client) (string, error) {
			md := c.node.Metadata.Fields
			return ts(md["NAMESPACE"].GetStringValue(), md["SERVICE_ACCOUNT"].GetStringValue())
		}
	}
	return f, nil
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// lacks counts the services of the mesh that the client has no cluster for.
func (f *fleet) lacks(c *client) (n int) {
	for _, id := range f.expected[c.ns] {
		if c.st[CDS].at(id) == 0 {
			n++
		}
	}
	return
}

func (f *fleet) fail(err error) {
	if err == nil {
		return
	}
	f.errMu.Lock()
	defer f.errMu.Unlock()
	if s := short(err); len(f.errs) < 50 || f.errs[s] > 0 {
		f.errs[s]++
	}
}

func (f *fleet) count(r *response, n int) {
	f.msgs[r.typ].Add(1)
	f.bytes[r.typ].Add(int64(n))
	f.resources[r.typ].Add(int64(len(r.res)))
}

// facts scans a resource once per content.
func (f *fleet) facts(t int, h uint64, body []byte) *facts {
	key := [2]uint64{uint64(t), h}
	f.factMu.RLock()
	fa := f.factMap[key]
	f.factMu.RUnlock()
	if fa != nil {
		return fa
	}
	fa = &facts{}
	switch t {
	case CDS:
		var n string
		if n, fa.err = scanCluster(body); n != "" {
			fa.names = []uint32{f.names[EDS].id([]byte(n))}
		}
	case LDS:
		var ns []string
		var ecds int
		ns, ecds, fa.err = scanListener(body)
		f.ecds.Add(int64(ecds))
		for _, n := range ns {
			fa.names = append(fa.names, f.names[RDS].id([]byte(n)))
		}
	}
	if f.validate && fa.err == nil {
		m := []interface {
			proto.Message
			ValidateAll() error
		}{&cluster.Cluster{}, &endpoint.ClusterLoadAssignment{}, &listener.Listener{}, &route.RouteConfiguration{}, &route.VirtualHost{}}[t]
		if fa.err = proto.Unmarshal(body, m); fa.err == nil {
			fa.err = m.ValidateAll()
		}
	}
	f.factMu.Lock()
	f.factMap[key] = fa
	f.factMu.Unlock()
	return fa
}

func statusOf(err error) *rpcstatus.Status {
	if err == nil {
		return nil
	}
	return &rpcstatus.Status{Code: 3, Message: err.Error()}
}

// dump keeps name, size and hash of client 0's resources, to compare two control planes by eye.
type dump struct {
	mu sync.Mutex
	m  map[string]string
}

func (d *dump) add(t int, name string, body []byte) {
	h := sha256.Sum256(body)
	d.mu.Lock()
	d.m[shortNames[t]+" "+name] = fmt.Sprintf("%d %s", len(body), hex.EncodeToString(h[:6]))
	d.mu.Unlock()
}

func (d *dump) write(file string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var l []string
	for k, v := range d.m {
		l = append(l, k+" "+v)
	}
	slices.Sort(l)
	return os.WriteFile(file, []byte(strings.Join(l, "\n")+"\n"), 0o644)
}

// connect starts all clients (at once, or ramp per second) and waits until all are complete.
func (f *fleet) connect(ctx context.Context, ramp float64, timeout time.Duration) (t0 time.Time, ok bool) {
	t0 = time.Now()
	f.lastRecv.Store(t0.UnixNano())
	go func() {
		for k, c := range f.clients {
			if ramp > 0 {
				time.Sleep(time.Until(t0.Add(time.Duration(float64(k) / ramp * float64(time.Second)))))
			}
			go c.run(ctx)
		}
	}()
	for time.Since(t0) < timeout {
		if f.nFull.Load() >= int64(len(f.clients)) {
			return t0, true
		}
		time.Sleep(5 * time.Millisecond)
	}
	return t0, false
}

// quiet waits until nothing was received for d.
func (f *fleet) quiet(d, limit time.Duration) {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if time.Since(time.Unix(0, f.lastRecv.Load())) >= d {
			return
		}
	}
}

type snapshot struct{ msgs, bytes, resources, redundant [nTypes]int64 }

func (f *fleet) snap() (s snapshot) {
	for t := range nTypes {
		s.msgs[t], s.bytes[t], s.resources[t], s.redundant[t] = f.msgs[t].Load(), f.bytes[t].Load(), f.resources[t].Load(), f.redundant[t].Load()
	}
	return
}

func (a snapshot) since(b snapshot) M {
	out := M{}
	total := int64(0)
	for t := range nTypes {
		if n := a.msgs[t] - b.msgs[t]; n > 0 {
			total += a.bytes[t] - b.bytes[t]
			out[shortNames[t]] = M{"messages": n, "bytes": a.bytes[t] - b.bytes[t], "resources": a.resources[t] - b.resources[t], "redundant": a.redundant[t] - b.redundant[t]}
		}
	}
	out["bytes"] = total
	return out
}

func (a snapshot) total() (msgs, bytes, res, red int64) {
	for t := range nTypes {
		msgs, bytes, res, red = msgs+a.msgs[t], bytes+a.bytes[t], res+a.resources[t], red+a.redundant[t]
	}
	return
}

func quantile(xs []float64, q float64) float64 { // xs sorted
	if len(xs) == 0 {
		return 0
	}
	return xs[min(len(xs)-1, int(math.Ceil(q*float64(len(xs)))-1))]
}

func quantiles(xs []float64) M {
	slices.Sort(xs)
	return M{"n": len(xs), "p50": round(quantile(xs, .5)), "p90": round(quantile(xs, .9)), "p99": round(quantile(xs, .99)), "max": round(quantile(xs, 1))}
}

func round(x float64) float64 { return math.Round(x*1000) / 1000 }

type connectFlags struct {
	n                  int
	sotw, validate     bool
	hostByHost         bool
	ramp               float64
	timeout            time.Duration
	keep               int // clients that keep their resources for verify
	istioVersion, dump string
	fs                 *flag.FlagSet
	server             serverFlags
	mesh               Mesh
}

func (c *connectFlags) flags(fs *flag.FlagSet) {
	c.mesh.flags(fs)
	c.server.flags(fs)
	fs.IntVar(&c.n, "clients", 100, "number of sidecars")
	fs.BoolVar(&c.sotw, "sotw", false, "state-of-the-world instead of delta streams")
	fs.BoolVar(&c.validate, "validate", false, "decode every new resource and check it with Envoy's validation rules (slow; not for timing)")
	fs.BoolVar(&c.hostByHost, "vhds", false, "take the virtual hosts of route configurations one by one and say that the environment has the workload's names, as an Envoy in a Pod that Keelson injected does")
	fs.Float64Var(&c.ramp, "ramp", 0, "connect this many clients per second (0: all at once)")
	fs.DurationVar(&c.timeout, "timeout", 5*time.Minute, "give up connecting after this")
	fs.StringVar(&c.istioVersion, "istio-version", "1.31.0", "ISTIO_VERSION of the sidecars")
	fs.StringVar(&c.dump, "dump", "", "write names, sizes and hashes of client 0's resources into this file")
}

// start connects the fleet and reports on it.
func (c *connectFlags) start(ctx context.Context) (*fleet, M, bool, error) {
	if err := c.mesh.finish(); err != nil {
		return nil, nil, false, err
	}
	watch, err := pids(c.server.watch)
	if err != nil {
		return nil, nil, false, err
	}
	f, err := newFleet(&c.mesh, &c.server, c.n, c.istioVersion, c.hostByHost)
	if err != nil {
		return nil, nil, false, err
	}
	f.sotw, f.validate = c.sotw, c.validate
	for k := range min(c.keep, c.n) {
		f.clients[k*c.n/min(c.keep, c.n)].keepAll()
	}
	if c.dump != "" {
		f.dump = &dump{m: map[string]string{}}
	}
	before := f.snap()
	mt := startMeter(c.server.serverPID, watch)
	t0, ok := f.connect(ctx, c.ramp, c.timeout)
	f.quiet(500*time.Millisecond, 20*time.Second)
	use := mt.end()
	var times, per []float64
	var rejected, dropped int64
	res := M{}
	for _, cl := range f.clients {
		per = append(per, float64(cl.bytes.Load()))
		rejected += cl.rejected.Load()
		dropped += cl.dropped.Load()
	}
	rep := M{"protocol": map[bool]string{false: "delta", true: "sotw"}[c.sotw], "clients": c.n, "complete": f.nFull.Load(), "all_complete": ok,
		"usage": use, "rejected_streams": rejected, "dropped_streams": dropped,
		"received": f.snap().since(before), "resources_per_client": res, "nacks": f.nacks.Load(), "unasked_resources": f.unasked.Load(), "ecds_references": f.ecds.Load(), "errors": f.errors()}
	if ok { // the clients are quiet now, so their state may be read
		for _, cl := range f.clients {
			cl.mu.Lock()
			defer cl.mu.Unlock()
			times = append(times, cl.fullAt.Sub(t0).Seconds())
		}
		for t := range nTypes {
			lo, hi, sum := math.MaxInt, 0, 0
			for _, cl := range f.clients {
				lo, hi, sum = min(lo, cl.st[t].count), max(hi, cl.st[t].count), sum+cl.st[t].count
			}
			res[shortNames[t]] = M{"min": lo, "max": hi, "mean": round(float64(sum) / float64(c.n))}
		}
	} else {
		var stuck L
		for _, cl := range f.clients {
			cl.mu.Lock()
			defer cl.mu.Unlock()
			if !cl.full && len(stuck) < 3 {
				stuck = append(stuck, M{"node": cl.node.Id, "cds": cl.st[CDS].count, "lds": cl.st[LDS].count, "lacks_services": f.lacks(cl),
					"eds_missing": cl.st[EDS].missing, "eds": cl.missingNames(EDS, 3), "rds_missing": cl.st[RDS].missing, "rds": cl.missingNames(RDS, 3)})
			}
		}
		rep["stuck"] = stuck
	}
	rep["cold_connect_s"], rep["bytes_per_client"] = quantiles(times), quantiles(per)
	if f.dump != nil {
		if err := f.dump.write(c.dump); err != nil {
			return nil, nil, false, err
		}
	}
	return f, rep, ok, nil
}

func (f *fleet) errors() map[string]int {
	f.errMu.Lock()
	defer f.errMu.Unlock()
	out := map[string]int{}
	for k, v := range f.errs {
		out[k] = v
	}
	return out
}

func report(file string, v any) error {
	if file != "" {
		b, err := json.MarshalIndent(v, "", " ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
			return err
		}
	}
	return printJSON(v)
}

func cmdClients(args []string) error {
	fs := flag.NewFlagSet("clients", flag.ExitOnError)
	var c connectFlags
	c.flags(fs)
	hold := fs.Duration("hold", 0, "stay connected this long after the report's measurements")
	_ = fs.Parse(args)
	cctx, cancel := context.WithCancel(ctx)
	defer cancel()
	_, rep, ok, err := c.start(cctx)
	if err != nil {
		return err
	}
	time.Sleep(*hold)
	if err := report(c.server.out, M{"command": "clients", "args": args, "mesh": c.mesh, "connect": rep}); err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("not all clients have a full configuration")
	}
	return nil
}

// cmdWait waits until one probe client gets the complete mesh: the server is ready.
func cmdWait(args []string) error {
	fs := flag.NewFlagSet("wait", flag.ExitOnError)
	var m Mesh
	var s serverFlags
	m.flags(fs)
	s.flags(fs)
	timeout := fs.Duration("timeout", 3*time.Minute, "give up after this")
	ver := fs.String("istio-version", "1.31.0", "ISTIO_VERSION of the probe")
	_ = fs.Parse(args)
	if err := m.finish(); err != nil {
		return err
	}
	f, err := newFleet(&m, &s, 1, *ver, false)
	if err != nil {
		return err
	}
	f.fastRetry = true
	cctx, cancel := context.WithCancel(ctx)
	defer cancel()
	mt := startMeter(s.serverPID, nil)
	t0, ok := f.connect(cctx, 0, *timeout)
	rep := M{"command": "wait", "ready": ok, "seconds": round(time.Since(t0).Seconds()), "usage": mt.end()}
	if s.serverPID > 0 { // from the start of the process, not of this command
		rep["since_start_s"], rep["server_cpu_since_start_s"] = round(age(s.serverPID)), round(cpu(s.serverPID))
	}
	if err := report(s.out, rep); err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("not ready: %v", f.errors())
	}
	return nil
}
