package annotate

import (
	"strings"
)

// elementRules are the values of data elements whose meaning the standard fixes, ISO/IEC 18013-5:2021, 7.2.1, Table 5.
func elementRules() map[string]rule {
	clause := iso("7.2.1, Table 5")
	return map[string]rule{
		"element identifier": {form: formText, say: func(b []byte) string { return Element(string(b)) }},
		"element value": {pick: func(v view) string {
			return elementValue(v.text(v.keys(v.in)[`"elementIdentifier"`]))
		}},
		"sex":               {form: formInt, clause: "ISO/IEC 5218", codes: map[int64]string{0: "not known", 1: "male", 2: "female", 9: "not applicable"}},
		"DrivingPrivileges": {form: formList, of: "DrivingPrivilege", clause: iso("7.2.4")},
		"DrivingPrivilege": {form: formMap, clause: iso("7.2.4"), fields: []field{
			t("vehicle_category_code", "text", "vehicle category of ISO/IEC 18013-1, Annex B"),
			t("issue_date", "full-date", ""),
			t("expiry_date", "full-date", ""),
			t("codes", "driving codes", "conditions and restrictions"),
		}},
		"driving codes": {form: formList, of: "driving code", clause: iso("7.2.4")},
		"driving code": {form: formMap, clause: iso("7.2.4"), fields: []field{
			t("code", "text", "code of ISO/IEC 18013-2, Annex A"), t("sign", "text", ""), t("value", "text", ""),
		}},
		"birth date": {form: formChoice, choices: []string{"full-date", "approximate birth date"}},
		"approximate birth date": {form: formMap, clause: "ISO/IEC 23220-2", fields: []field{
			t("birth_date", "full-date", ""), t("approximate_mask", "text", "1 where a digit is not known"),
		}},
		"age": {form: formBool, clause: clause},
	}
}

// elementValue gives the rule of an element's value.
func elementValue(identifier string) string {
	switch identifier {
	case "portrait", "signature_usual_mark", "enrolment_portrait_image":
		return "image"
	case "birth_date":
		return "birth date"
	case "issue_date", "expiry_date", "portrait_capture_date":
		return "date or time"
	case "driving_privileges":
		return "DrivingPrivileges"
	case "sex":
		return "sex"
	}
	if strings.HasPrefix(identifier, "age_over_") {
		return "age"
	}
	return "any"
}

// Element says what a data element is by its identifier, where the standard or a well-known document type names it.
func Element(identifier string) string {
	if age, ok := strings.CutPrefix(identifier, "age_over_"); ok && len(age) == 2 {
		return "is the holder at least " + age + " years old"
	}
	names := map[string]string{
		"family_name": "surname", "given_name": "given names", "birth_date": "date of birth", "issue_date": "when the document was issued",
		"expiry_date": "when it expires", "issuing_country": "must be C of the document signer's certificate",
		"issuing_authority": "who issued it", "document_number": "number of the document", "portrait": "picture of the holder",
		"driving_privileges": "what the holder may drive", "un_distinguishing_sign": "distinguishing sign of the country (UN)",
		"issuing_jurisdiction": "must be ST of the document signer's certificate", "sex": "ISO/IEC 5218", "height": "cm", "weight": "kg",
		"age_in_years": "age at validFrom", "age_birth_year": "year of birth", "resident_address": "where the holder lives",
		"full_name_unicode": "氏名", "resident_address_unicode": "住所", "birth_date_unicode": "生年月日", "sex_unicode": "性別",
		"individual_number_unicode": "個人番号: the law limits who may ask for it", "local_gov_code_unicode": "municipality code",
	}
	return names[identifier]
}
