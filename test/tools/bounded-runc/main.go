// Stands where Docker expects runc. A privileged container is given every capability that there is, which fails where the
// machine itself lacks one: those are taken out of what Docker wrote down for runc, which is then called with the same
// arguments.
// https://github.com/opencontainers/runtime-spec/blob/main/config.md#linux-process
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// By their bits.
var capabilities = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
	LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT
	SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE
	AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if bundle := valueOf(args, "--bundle", "-b"); bundle != "" {
		if err := edit(filepath.Join(bundle, "config.json"), "process"); err != nil {
			return err
		}
	}
	if file := valueOf(args, "--process", "-p"); file != "" {
		if err := edit(file, ""); err != nil {
			return err
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		return err
	}
	return syscall.Exec(runc, append([]string{runc}, args...), os.Environ())
}

// valueOf finds the value of an option, which stands behind it or behind an equals sign.
func valueOf(args []string, names ...string) string {
	for index, arg := range args {
		for _, name := range names {
			if value, found := strings.CutPrefix(arg, name+"="); found {
				return value
			}
			if arg == name && index+1 < len(args) {
				return args[index+1]
			}
		}
	}
	return ""
}

// edit writes the file again with the capabilities that this machine has; the process stands at `key`, or is the whole file.
func edit(file, key string) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var content map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	// Large numbers stay what they are.
	decoder.UseNumber()
	if err := decoder.Decode(&content); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	process := content
	if key != "" {
		process, _ = content[key].(map[string]any)
	}
	sets, _ := process["capabilities"].(map[string]any)
	if sets == nil {
		return nil
	}
	bounded, err := bounded()
	if err != nil {
		return err
	}
	for name, set := range sets {
		sets[name] = within(set, bounded)
	}
	edited, err := json.Marshal(content)
	if err != nil {
		return err
	}
	return os.WriteFile(file, edited, 0o600)
}

func within(set any, bounded map[string]bool) []string {
	kept := []string{}
	names, _ := set.([]any)
	for _, name := range names {
		if text, _ := name.(string); bounded[text] {
			kept = append(kept, text)
		}
	}
	return kept
}

// bounded are the capabilities that a process of this machine can have at most.
func bounded() (map[string]bool, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, err
	}
	found := regexp.MustCompile(`(?m)^CapBnd:\s*([0-9a-f]+)`).FindSubmatch(status)
	if found == nil {
		return nil, errors.New("/proc/self/status does not tell of capabilities")
	}
	mask, err := strconv.ParseUint(string(found[1]), 16, 64)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for bit, name := range capabilities {
		if mask>>bit&1 == 1 {
			names["CAP_"+name] = true
		}
	}
	return names, nil
}
