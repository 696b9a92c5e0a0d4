package main

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"strconv"
)

//go:embed control.html
var controlHTML string

//go:embed control.css
var controlCSS []byte

var controlPage = template.Must(template.New("control").Parse(controlHTML))

// newControl is the page on which a person moves cards. It has no script: every
// button is a form of its own.
func newControl(b *bench, mails string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /control", func(w http.ResponseWriter, _ *http.Request) {
		var page bytes.Buffer
		shown := b.view()
		var err error
		if shown.Mails, err = readMails(mails); err == nil {
			err = controlPage.Execute(&page, shown)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = page.WriteTo(w)
	})
	mux.HandleFunc("GET /control/style.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(controlCSS)
	})
	button := func(name string, do func()) {
		mux.HandleFunc("POST /control/"+name, func(w http.ResponseWriter, r *http.Request) {
			do()
			http.Redirect(w, r, "/control", http.StatusSeeOther)
		})
	}
	for i := range b.cards {
		button("insert/"+strconv.Itoa(i), func() { b.insert(i) })
		button("lost/"+strconv.Itoa(i), func() { b.reportLost(i) })
		button("renew/"+strconv.Itoa(i), func() { b.renew(i) })
	}
	button("remove", b.remove)
	button("unplug", b.unplug)
	button("plug", b.plug)
	button("stop-service", b.stopService)
	button("start-service", b.startService)
	return mux
}
