package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

const maxBody = 1 << 20

// serve listens on all the ports it is told, on 8080 if none is for requests, and returns when one of them ends.
func serve(args []string) error {
	var plain, secure, streams []string
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.Func("port", "HTTP/1.1 and HTTP/2 on `port`, without TLS unless --tls names it too", adding(&plain))
	flags.Func("grpc", "gRPC on `port`", adding(&plain))
	flags.Func("tls", "the `port` has TLS", adding(&secure))
	flags.Func("tcp", "`port` that returns what it is sent", adding(&streams))
	// No test looks at the certificate, so the server makes its own.
	flags.String("crt", "", "accepted")
	flags.String("key", "", "accepted")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if len(plain) == 0 {
		plain = []string{"8080"}
	}
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	ended := make(chan error)
	for _, port := range plain {
		server := echoServer(port, name)
		if slices.Contains(secure, port) {
			server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
			go func() { ended <- server.ListenAndServeTLS("", "") }()
		} else {
			go func() { ended <- server.ListenAndServe() }()
		}
	}
	for _, port := range streams {
		go func() { ended <- serveStreams(port) }()
	}
	return <-ended
}

func adding(list *[]string) func(string) error {
	return func(value string) error {
		*list = append(*list, value)
		return nil
	}
}

func echoServer(port string, name string) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	handler := func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, io.LimitReader(r.Body, maxBody)); err != nil {
			log.Print(err)
			return
		}
		answer(w, r, describe(r, name))
	}
	return &http.Server{
		Addr:              net.JoinHostPort("", port),
		Handler:           http.HandlerFunc(handler),
		Protocols:         protocols,
		ReadHeaderTimeout: 10 * time.Second,
	}
}

// describe tells what arrived, a line for each fact, as the suite reads it.
func describe(r *http.Request, name string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "Hostname=%s\nHost=%s\nMethod=%s\nProto=%s\nURL=%s\n", name, r.Host, r.Method, r.Proto, r.URL.RequestURI())
	for header, values := range r.Header {
		for _, value := range values {
			fmt.Fprintf(&text, "RequestHeader=%s:%s\n", header, value)
		}
	}
	return text.String()
}

func answer(w http.ResponseWriter, r *http.Request, text string) {
	if !isGrpc(r.Header) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, text)
		return
	}
	w.Header().Set("Content-Type", grpcContentType)
	w.Header().Set("Trailer", grpcStatus)
	w.Write(grpcMessage(text))
	w.Header().Set(grpcStatus, "0")
}

func serveStreams(port string) error {
	listener, err := net.Listen("tcp", net.JoinHostPort("", port))
	if err != nil {
		return err
	}
	for {
		connection, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil {
			log.Print(err)
			continue
		}
		go func() {
			defer connection.Close()
			io.Copy(connection, connection)
		}()
	}
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
		DNSNames:     []string{"echo"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
