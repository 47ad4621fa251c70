package portalapi

// Icons of features: strokes on a square of 24, in the colour of the text around.
const (
	iconOpen  = `<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round">`
	iconClose = `</svg>`

	iconStorage = iconOpen + `<rect x="3" y="4" width="18" height="7" rx="2"/><rect x="3" y="13" width="18" height="7" rx="2"/><path d="M7 7.5h.01M7 16.5h.01"/>` + iconClose
	iconBackup  = iconOpen + `<path d="M12 4v9m-3-3 3 3 3-3"/><path d="M4 14v4a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-4"/>` + iconClose
	iconAI      = iconOpen + `<path d="M12 3l2 6 6 3-6 3-2 6-2-6-6-3 6-3z"/>` + iconClose
	iconUsers   = iconOpen + `<circle cx="9" cy="8" r="3.5"/><path d="M2.5 20a6.5 6.5 0 0 1 13 0M16 5a3.5 3.5 0 0 1 0 6M18 14.5a6.5 6.5 0 0 1 3.5 5.5"/>` + iconClose
	iconRooms   = iconOpen + `<path d="M5 21V4h11v17M3 21h18M16 8h3v13M12.5 12.5h.01"/>` + iconClose
	iconBrush   = iconOpen + `<path d="M20 4 10 14M7 15c-2 0-2 3-4 4 3 1.5 7 1 7-2a3 3 0 0 0-3-2z"/>` + iconClose
	iconKey     = iconOpen + `<circle cx="7.5" cy="15.5" r="4"/><path d="M10.5 12.5 20 3m-4 4 3 3"/>` + iconClose
	iconRestore = iconOpen + `<path d="M4 5v5h5"/><path d="M4.5 10A8 8 0 1 1 4 13.5M12 9v4l3 2"/>` + iconClose
	iconAudit   = iconOpen + `<path d="M6 3h9l4 4v14H6z"/><path d="M9 11h6M9 15h6"/>` + iconClose
	iconPlug    = iconOpen + `<path d="M9 3v5M15 3v5M6 8h12v3a6 6 0 0 1-12 0zM12 17v4"/>` + iconClose
	iconChart   = iconOpen + `<path d="M4 4v16h16M8 16v-4M12 16V8M16 16v-6"/>` + iconClose
)
