package browserpolicy

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/windows/registry"
)

func TestTheRegistryGetsTheEntriesAndLosesThem(t *testing.T) {
	name := fmt.Sprintf(`Software\CardeaTest%d`, os.Getpid())
	root, _, err := registry.CreateKey(registry.CURRENT_USER, name, registry.ALL_ACCESS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Remove has left what was not Cardea's.
		_ = registry.DeleteKey(root, `SOFTWARE`)
		if err := errors.Join(root.Close(), registry.DeleteKey(registry.CURRENT_USER, name)); err != nil {
			t.Error(err)
		}
	})
	r := machine{root}
	if err := r.Make(`SOFTWARE`); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "memory.json")
	for range 2 {
		if _, err := Windows(r, file).Apply([]Browser{Edge, Firefox}, []string{one, two}); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]map[string]string{
		`SOFTWARE\Policies\Microsoft\Edge\LoopbackNetworkAllowedForUrls`:      {"1": "https://a.example:443", "2": "https://b.example:8443"},
		`SOFTWARE\Policies\Mozilla\Firefox\LocalNetworkAccess\SkipDomains`:    {"1": "a.example", "2": "b.example"},
		`SOFTWARE\Policies\Google\Chrome\LoopbackNetworkAllowedForUrls`:       nil,
		`SOFTWARE\Policies\Mozilla\Firefox\LocalNetworkAccess\NothingIsThere`: nil,
	} {
		if got, err := r.Texts(path); err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: got %v, %v", path, got, err)
		}
	}
	if _, err := Windows(r, file).Apply([]Browser{Edge, Firefox}, []string{two}); err != nil {
		t.Fatal(err)
	}
	if got, _ := r.Texts(`SOFTWARE\Policies\Mozilla\Firefox\LocalNetworkAccess\SkipDomains`); !maps.Equal(got, map[string]string{"1": "b.example"}) {
		t.Errorf("with one origin less: got %v", got)
	}
	if _, err := Windows(r, file).Remove(); err != nil {
		t.Fatal(err)
	}
	if there, err := r.Exists(`SOFTWARE\Policies`); err != nil || there {
		t.Errorf("keys are left: %v", err)
	}
}
