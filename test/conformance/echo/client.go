package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ask sends the requests that `URL [--method=M] [-H NAME:VALUE]... [--count=N]` describes, one after another, and prints
// for each what came back, with an empty line between two. It fails when a request gets no answer at all.
func ask(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: client URL [--method=METHOD] [-H NAME:VALUE]... [--count=NUMBER]")
	}
	headers := http.Header{}
	flags := flag.NewFlagSet("client", flag.ContinueOnError)
	method := flags.String("method", http.MethodGet, "")
	count := flags.Int("count", 1, "")
	flags.Func("H", "`NAME:VALUE`", func(header string) error {
		name, value, _ := strings.Cut(header, ":")
		headers.Add(name, strings.TrimSpace(value))
		return nil
	})
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	target, err := url.Parse(args[0])
	if err != nil {
		return err
	}
	client := clientFor(target.Scheme)
	for number := range *count {
		text, err := oneAnswer(client, *target, *method, headers)
		if err != nil {
			return err
		}
		if number > 0 {
			fmt.Println()
		}
		fmt.Print(text)
	}
	return nil
}

// clientFor speaks HTTP/2 where gRPC needs it, and shows redirects instead of following them.
func clientFor(scheme string) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(scheme != "grpc")
	protocols.SetUnencryptedHTTP2(scheme == "grpc")
	return &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			Protocols: protocols,
			// The server's certificate is of its own making.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func oneAnswer(client *http.Client, target url.URL, method string, headers http.Header) (string, error) {
	var message io.Reader
	grpc := target.Scheme == "grpc"
	if grpc {
		target.Scheme, target.Path, method = "http", "/keelson.Echo/Echo", http.MethodPost
		message = bytes.NewReader(grpcMessage(""))
	}
	request, err := http.NewRequest(method, target.String(), message)
	if err != nil {
		return "", err
	}
	request.Header = headers.Clone()
	if host := headers.Get("Host"); host != "" {
		request.Host = host
	}
	if grpc {
		request.Header.Set("Content-Type", grpcContentType)
		request.Header.Set("Te", "trailers")
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return "", err
	}
	code := response.StatusCode
	if grpc {
		code, body = grpcOutcome(response, body)
	}
	return transcript(code, response.Header, body), nil
}

func transcript(code int, headers http.Header, body []byte) string {
	var text strings.Builder
	fmt.Fprintf(&text, "StatusCode=%d\n", code)
	for name, values := range headers {
		for _, value := range values {
			fmt.Fprintf(&text, "ResponseHeader=%s:%s\n", name, value)
		}
	}
	for line := range strings.Lines(string(body)) {
		// An empty line would be the end of this answer.
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			fmt.Fprintln(&text, line)
		}
	}
	return text.String()
}
