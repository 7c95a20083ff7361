module keelson/test/tools/bounded-runc

go 1.26.0
