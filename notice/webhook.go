package notice

import (
	"net/url"
)

func (w *writer) webhookPaused(d WebhookPaused) letter {
	l := letter{
		Subject: w.subject("a webhook is paused"), Tone: "bad",
		Title: "A webhook is paused",
		Lead:  "Events could not be delivered to a webhook for too long. Nothing is sent to it any more until somebody resumes it.",
	}
	if d.Gone {
		l.Lead = "A webhook answered that it wants no more events. Nothing is sent to it any more until somebody resumes it."
	}
	l.add("Webhook", line(d.ID))
	l.add("Description", line(d.Description))
	l.add("Where", hostOf(d.URL))
	l.add("Failing since", w.moment(d.Since))
	l.add("Last attempt", line(d.LastStatus))
	l.next("What it has missed is sent in its order when it is resumed, and can be read by cursor meanwhile.")
	if !d.Gone {
		l.next("The event on which it failed for so long is not sent again by itself. It can be replayed.")
	}
	return l
}

// hostOf returns where a URL leads to without what may be a secret in it.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return line(u.Scheme + "://" + u.Host)
}
