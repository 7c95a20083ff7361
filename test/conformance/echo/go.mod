module keelson/test/conformance/echo

go 1.26.0
