package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pkcs11/host"
	"github.com/cardea-agent/cardea/pkcs11/pkcs11test"
)

func TestTheProgramIsAHostThatSignsAndMakesNoDumps(t *testing.T) {
	program, err := exec.LookPath("cardea-agent") // this test program, by testscript.Main
	if err != nil {
		t.Fatal(err)
	}
	token := pkcs11test.New(t, pkcs11test.P256)
	h := host.New(host.Config{
		Command: []string{program, moduleRole}, Module: token.Module, Env: token.Environ(), SpareFor: time.Hour,
	})
	defer h.Close()
	key := token.Keys[0].Certificate
	digest := sha256.Sum256([]byte("a sentence"))
	signatures, err := h.Sign(t.Context(), host.SignRequest{PIN: []byte(pkcs11test.PIN), Batch: host.Batch{
		Reader: token.Slot, Certificate: key.Raw, Mechanism: host.ECDSA, Hash: crypto.SHA256, Digests: [][]byte{digest[:]},
	}})
	if err != nil {
		t.Fatal(err)
	}
	r, s := new(big.Int).SetBytes(signatures[0][:32]), new(big.Int).SetBytes(signatures[0][32:])
	if !ecdsa.Verify(key.PublicKey.(*ecdsa.PublicKey), digest[:], r, s) {
		t.Error("the signature does not verify")
	}
	// The process in reserve is as one that signs.
	noCores := regexp.MustCompile(`(?m)^Max core file size +0 +0 `)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		for _, pid := range hosts(t) {
			limits, err := os.ReadFile(fmt.Sprintf("/proc/%s/limits", pid))
			if err == nil && noCores.Match(limits) {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("no process in reserve has its core dumps off")
		}
	}
}

// hosts are the processes of this one that run in the role.
func hosts(t *testing.T) (pids []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		for _, pid := range strings.Fields(string(text)) {
			command, err := os.ReadFile("/proc/" + pid + "/cmdline")
			if err == nil && strings.Contains(string(command), "\x00"+moduleRole+"\x00") {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
