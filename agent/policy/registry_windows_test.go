package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"testing"
	"time"

	"golang.org/x/sys/windows/registry"
)

// ownRoot makes a key of the test's own, with what group policy writes below it.
func ownRoot(t *testing.T) registry.Key {
	t.Helper()
	name := fmt.Sprintf(`Software\CardeaTest%d`, os.Getpid())
	root, _, err := registry.CreateKey(registry.CURRENT_USER, name, registry.ALL_ACCESS)
	if err != nil {
		t.Fatal(err)
	}
	makeKey(t, root, `SOFTWARE\Policies`)
	t.Cleanup(func() {
		for _, path := range []string{
			RegistryPath + `\certificate`, RegistryPath + `\origin`, RegistryPath + `\listen`, RegistryPath, `SOFTWARE\Policies`, `SOFTWARE`,
		} {
			_ = registry.DeleteKey(root, path) // a test need not make each
		}
		_ = root.Close()
		if err := registry.DeleteKey(registry.CURRENT_USER, name); err != nil {
			t.Error(err)
		}
	})
	return root
}

func makeKey(t *testing.T, root registry.Key, path string) registry.Key {
	t.Helper()
	key, _, err := registry.CreateKey(root, path, registry.ALL_ACCESS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = key.Close() })
	return key
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestTheRegistryIsReadWithAllItsTypes(t *testing.T) {
	k := systemKey{ownRoot(t), "test", RegistryPath}
	if _, err := k.Read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a key: got %v", err)
	}
	must(t,
		makeKey(t, k.root, RegistryPath+`\origin`).SetStringValue("https://a.example", `group = "ward"`),
		makeKey(t, k.root, RegistryPath+`\certificate`).SetStringsValue("issuers", []string{"A", "B"}),
		makeKey(t, k.root, RegistryPath+`\listen`).SetDWordValue("port", 1234))
	got, err := k.Read()
	if err != nil {
		t.Fatal(err)
	}
	want := Key{Values: map[string]any{}, Keys: map[string]Key{
		"origin":      {Values: map[string]any{"https://a.example": `group = "ward"`}, Keys: map[string]Key{}},
		"certificate": {Values: map[string]any{"issuers": []string{"A", "B"}}, Keys: map[string]Key{}},
		"listen":      {Values: map[string]any{"port": uint64(1234)}, Keys: map[string]Key{}},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	p := load(t, Places{Registry: k})
	if p.Port() != 1234 || !p.SameGroup("https://a.example", "https://a.example") || len(p.Origins()) != 1 {
		t.Errorf("got %v", p.Effective())
	}
	must(t, makeKey(t, k.root, RegistryPath).SetBinaryValue("x", []byte{1}))
	if _, err := k.Read(); err == nil {
		t.Error("a value of no setting's type is read")
	}
}

func TestAChangeOfTheRegistryIsHeard(t *testing.T) {
	k := systemKey{ownRoot(t), "test", RegistryPath}
	live, _ := follow(t, Places{Registry: k})
	must(t, makeKey(t, k.root, RegistryPath+`\origin`).SetStringValue("https://a.example", ""))
	await(t, live, "the key is made", allows("https://a.example"))
	must(t, makeKey(t, k.root, RegistryPath+`\origin`).DeleteValue("https://a.example"))
	await(t, live, "the value is gone", allowsNobody)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := k.Wait(ctx, func() {}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without a change: got %v", err)
	}
}

func TestWhatTheInstallerWritesIsHeardFromTheFirstKeyOn(t *testing.T) {
	root := ownRoot(t)
	t.Cleanup(func() { // before what ownRoot cleans up
		for _, path := range []string{InstalledPath, `SOFTWARE\Cardea`} {
			_ = registry.DeleteKey(root, path)
		}
	})
	live, _ := follow(t, Places{Installed: systemKey{root, "test", InstalledPath}})
	must(t, makeKey(t, root, InstalledPath).SetStringValue("origin", "https://a.example"))
	await(t, live, "the key is made", allows("https://a.example"))
	must(t, makeKey(t, root, InstalledPath).SetStringValue("origin", ""))
	await(t, live, "the value is empty", allowsNobody)
}
