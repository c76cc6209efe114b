package corpus

// ageCases are answers in which everything is proved, and which do not let the holder buy: the till asks whether the holder is 20
// and for a portrait, and nothing else. The check is one of the till's policy.
func ageCases(a *authority) []Case {
	age := func(id string, v bool) element { return element{spaceMDL, id, boolean(v)} }
	portrait := element{spaceMDL, "portrait", bstr(draw("portrait", 64))}
	birth := element{spaceMDL, "birth_date", fullDate("1990-01-02")}
	ask := func(elements ...element) func(*presentation) {
		return func(p *presentation) { p.request = requestFor(docType, elements...) }
	}
	rows := []struct {
		label
		answer []element
		asked  spoil
	}{
		{label{name: "base", reason: "age_over_20 is true"}, []element{age("age_over_20", true), portrait}, nil},
		{label{name: "base-nearest", reason: "age_over_21 is true"}, []element{age("age_over_21", true), portrait}, nil},
		{label{"younger", "policy.age_over_20", "age_over_20 is false", "P8"}, []element{age("age_over_20", false), portrait}, nil},
		{label{"younger-nearest", "policy.age_over_20", "age_over_18 is false", "P8"}, []element{age("age_over_18", false), portrait}, nil},
		{label{"lower-age-asked", "?policy.age_over_20", "only age_over_18 was asked for and is true", "P8"}, []element{age("age_over_18", true), portrait},
			ask(age("age_over_18", false), portrait)},
		{label{"higher-age-asked", "?policy.age_over_20", "only age_over_65 was asked for and is false", "P8"}, []element{age("age_over_65", false), portrait},
			ask(age("age_over_65", false), portrait)},
		{label{"no-answer", "?policy.age_over_20", "no answer about the age", "P8"}, []element{portrait}, nil},
		{label{"no-portrait", "?policy.requested", "no portrait", "P8"}, []element{age("age_over_20", true)}, nil},
		{label{"birth-date-beside", "policy.unasked", "the birth date beside the answer", "P8"}, []element{age("age_over_20", true), portrait, birth},
			ask(age("age_over_20", false), portrait, birth)},
		{label{"birth-date-in-place", "policy.unasked", "the birth date in place of the answer", "P8"}, []element{portrait, birth}, ask(age("age_over_20", false), portrait, birth)},
		{label{"two-ages", "policy.unasked", "two answers to one question", "P8"}, []element{age("age_over_20", true), age("age_over_65", false), portrait},
			ask(age("age_over_20", false), age("age_over_65", false), portrait)},
		{label{"other-namespace", "policy.unasked", "the answer in another namespace", "P8"}, []element{{spaceJP, "age_over_20", boolean(true)}, portrait},
			ask(element{space: spaceJP, id: "age_over_20"}, portrait)},
		{label{"other-document", "policy.document", "a document of another type", "P8"}, []element{age("age_over_20", true), portrait}, func(p *presentation) {
			p.request = requestFor(photo, age("age_over_20", false), portrait)
			p.signedDoc, p.onMSO, p.onDocument = photo, set(text(photo), "docType"), set(text(photo), "docType")
		}},
	}
	var out []Case
	for _, r := range rows {
		p := newPresentation(a)
		p.elements = r.answer
		ask(age("age_over_20", false), portrait)(p)
		if r.asked != nil {
			r.asked(p)
		}
		c := p.responseCase(r.label, "base")
		c.Kind = AgePolicy
		c.Name = string(AgePolicy) + "/" + r.name
		if c.Base != "" {
			c.Base = string(AgePolicy) + "/base"
		}
		out = append(out, c)
	}
	return out
}
