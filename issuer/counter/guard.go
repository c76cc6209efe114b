package counter

import (
	"mime"
	"net/http"
)

// policy lets a page have its own style, script and pictures, and nothing else; no other page may hold it in a frame.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'"

// guard stands before every request: the headers that keep browsers from storing, framing and leaking; the Host, so that
// another name that resolves to this machine reaches nothing (DNS rebinding); for forms the Origin, the media type and the
// size. The token in the form is looked at by what handles it.
func (c *Counter) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin") // with no-referrer a form would come with the Origin null
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), usb=()")
		if "http://"+r.Host != c.config.Origin {
			c.pages.refuse(w, http.StatusMisdirectedRequest)
			return
		}
		if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
			c.pages.refuse(w, http.StatusForbidden)
			return
		}
		if r.Method == http.MethodPost && !c.form(w, r) {
			return
		}
		next.ServeHTTP(w, r)
	})
}

// form reads a form from this page, or refuses it.
func (c *Counter) form(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Origin") != c.config.Origin || r.URL.RawQuery != "" {
		c.pages.refuse(w, http.StatusForbidden)
		return false
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/x-www-form-urlencoded" {
		c.pages.refuse(w, http.StatusUnsupportedMediaType)
		return false
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		c.pages.refuse(w, http.StatusBadRequest)
		return false
	}
	return true
}
