package main

import (
	"encoding/binary"
	"net/http"
	"strings"
)

// What gRPC lays over HTTP/2, as far as one message each way needs it.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
const (
	grpcContentType = "application/grpc"
	grpcStatus      = "Grpc-Status"
	grpcPrefix      = 5
)

func isGrpc(headers http.Header) bool {
	return strings.HasPrefix(headers.Get("Content-Type"), grpcContentType)
}

func grpcMessage(text string) []byte {
	message := make([]byte, grpcPrefix, grpcPrefix+len(text))
	binary.BigEndian.PutUint32(message[1:], uint32(len(text)))
	return append(message, text...)
}

// grpcOutcome is the code that the suite expects of a call, which is HTTP's, and the text of the message.
func grpcOutcome(response *http.Response, body []byte) (int, []byte) {
	status := response.Trailer.Get(grpcStatus)
	if status == "" {
		status = response.Header.Get(grpcStatus)
	}
	switch {
	case response.StatusCode != http.StatusOK:
		return response.StatusCode, nil
	case status != "0" || len(body) < grpcPrefix:
		return http.StatusInternalServerError, nil
	}
	return http.StatusOK, body[grpcPrefix:]
}
