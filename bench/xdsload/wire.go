package main

// The client's view of the wire: gRPC messages stay raw bytes, and only the few protobuf fields that
// decide what to subscribe to next are looked at. TestScan* compare these scanners with full decoding.

import (
	"errors"
	"hash/maphash"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const (
	CDS = iota
	EDS
	LDS
	RDS
	VHDS
	nTypes
)

var (
	shortNames = [nTypes]string{"CDS", "EDS", "LDS", "RDS", "VHDS"}
	typeURLs   = [nTypes]string{
		"type.googleapis.com/envoy.config.cluster.v3.Cluster",
		"type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
		"type.googleapis.com/envoy.config.listener.v3.Listener",
		"type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
		"type.googleapis.com/envoy.config.route.v3.VirtualHost",
	}
)

func typeIndex(url []byte) int {
	for i, u := range typeURLs {
		if string(url) == u {
			return i
		}
	}
	return -1
}

// codec passes requests through proto.Marshal and hands responses over as pooled bytes.
type codec struct{}

type rawMsg struct{ buf mem.Buffer }

func (codec) Name() string { return "proto" }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	if b, ok := v.([]byte); ok {
		return mem.BufferSlice{mem.SliceBuffer(b)}, nil
	}
	b, err := proto.Marshal(v.(proto.Message))
	return mem.BufferSlice{mem.SliceBuffer(b)}, err
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	v.(*rawMsg).buf = data.MaterializeToBuffer(mem.DefaultBufferPool())
	return nil
}

var errWire = errors.New("malformed protobuf")

// fields walks the fields of a message; b is the content of a length-delimited field, n the value of a varint.
func fields(msg []byte, f func(num protowire.Number, b []byte, n uint64) error) error {
	for len(msg) > 0 {
		num, typ, k := protowire.ConsumeTag(msg)
		if k < 0 {
			return errWire
		}
		msg = msg[k:]
		var b []byte
		var n uint64
		switch typ {
		case protowire.BytesType:
			b, k = protowire.ConsumeBytes(msg)
		case protowire.VarintType:
			n, k = protowire.ConsumeVarint(msg)
		default:
			k = protowire.ConsumeFieldValue(num, typ, msg)
		}
		if k < 0 {
			return errWire
		}
		msg = msg[k:]
		if err := f(num, b, n); err != nil {
			return err
		}
	}
	return nil
}

// path collects the content of all fields reached by the given field numbers.
func path(msg []byte, nums ...protowire.Number) (out [][]byte) {
	_ = fields(msg, func(num protowire.Number, b []byte, _ uint64) error {
		if num == nums[0] {
			if len(nums) == 1 {
				out = append(out, b)
			} else {
				out = append(out, path(b, nums[1:]...)...)
			}
		}
		return nil
	})
	return out
}

func last(bs [][]byte) []byte {
	if len(bs) == 0 {
		return nil
	}
	return bs[len(bs)-1]
}

// response is what delta and state-of-the-world responses have in common.
type response struct {
	typ     int
	url     string
	nonce   string
	version string
	res     []resource
	removed [][]byte
}

type resource struct {
	name []byte
	body []byte // the resource's own bytes, out of the Any
}

// parse reads a DeltaDiscoveryResponse, or with sotw a DiscoveryResponse. The result points into msg.
func (r *response) parse(msg []byte, sotw bool) error {
	r.res, r.removed, r.typ, r.nonce, r.version = r.res[:0], r.removed[:0], -1, "", ""
	var bad error
	addAny := func(name, any []byte) {
		x := resource{name: name}
		err := fields(any, func(num protowire.Number, b []byte, _ uint64) error {
			switch num {
			case 1:
				if typeIndex(b) < 0 {
					bad = errors.New("unexpected resource type " + string(b))
				}
			case 2:
				x.body = b
			}
			return nil
		})
		if err != nil {
			bad = err
		}
		if x.name == nil { // every xDS resource type has its name in field 1
			x.name = last(path(x.body, 1))
		}
		r.res = append(r.res, x)
	}
	err := fields(msg, func(num protowire.Number, b []byte, _ uint64) error {
		switch {
		case num == 4:
			r.typ, r.url = typeIndex(b), string(b)
		case num == 5:
			r.nonce = string(b)
		case num == 1 && sotw:
			r.version = string(b)
		case num == 2 && sotw:
			addAny(nil, b)
		case num == 6 && !sotw:
			r.removed = append(r.removed, b)
		case num == 2 && !sotw:
			var name, any []byte
			if err := fields(b, func(num protowire.Number, b []byte, _ uint64) error {
				switch num {
				case 3:
					name = b
				case 2:
					any = b
				}
				return nil
			}); err != nil {
				return err
			}
			addAny(name, any)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return bad
}

// scanCluster returns the name to ask EDS for; "" if the cluster is not of type EDS.
func scanCluster(b []byte) (eds string, err error) {
	var name, service []byte
	isEDS := false
	err = fields(b, func(num protowire.Number, b []byte, n uint64) error {
		switch num {
		case 1:
			name = b
		case 2:
			isEDS = n == 3
		case 3:
			service = last(path(b, 2))
		}
		return nil
	})
	if err != nil || !isEDS {
		return "", err
	}
	if len(service) > 0 {
		return string(service), nil
	}
	return string(name), nil
}

const hcmURL = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"

// scanListener returns the route configurations that the listener's HTTP connection managers want from RDS,
// and how many filters want their configuration from ECDS, which this client does not follow.
func scanListener(b []byte) (routes []string, ecds int, err error) {
	seen := map[string]bool{}
	err = fields(b, func(num protowire.Number, b []byte, _ uint64) error {
		if num == 9 { // listener_filters, config_discovery
			ecds += len(path(b, 5))
		}
		if num != 3 && num != 25 { // filter_chains, default_filter_chain
			return nil
		}
		ecds += len(path(b, 3, 5))          // filters, config_discovery
		for _, any := range path(b, 3, 4) { // filters, typed_config
			if string(last(path(any, 1))) != hcmURL {
				continue
			}
			ecds += len(path(last(path(any, 2)), 5, 5))        // http_filters, config_discovery
			for _, n := range path(last(path(any, 2)), 3, 2) { // rds, route_config_name
				if !seen[string(n)] {
					seen[string(n)] = true
					routes = append(routes, string(n))
				}
			}
		}
		return nil
	})
	return routes, ecds, err
}

// canon hashes a message regardless of the order of its fields and elements, at all depths (a server may serialize
// maps in any order). Bytes that read as a message are taken for one; both sides of a comparison are treated alike.
func canon(msg []byte) (sum uint64, ok bool) {
	for len(msg) > 0 {
		num, typ, k := protowire.ConsumeTag(msg)
		if k < 0 {
			return 0, false
		}
		n := protowire.ConsumeFieldValue(num, typ, msg[k:])
		if n < 0 {
			return 0, false
		}
		v := msg[k : k+n]
		var h uint64
		if typ == protowire.BytesType {
			v, _ = protowire.ConsumeBytes(v)
			if h, ok = canon(v); !ok {
				h = maphash.Bytes(seed, v)
			}
		} else {
			h = maphash.Bytes(seed, v)
		}
		h ^= uint64(num)*0x9e3779b97f4a7c15 + uint64(typ)
		h *= 0xff51afd7ed558ccd
		h ^= h >> 32
		sum += h * 0xc4ceb9fe1a85ec53
		msg = msg[k+n:]
	}
	return sum, true
}
