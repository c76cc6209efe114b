package card

// NumberCheckDigit is the last digit of an individual number (個人番号) whose first eleven digits are given, and whether
// they are eleven ASCII digits (平成26年総務省令第85号, 第5条).
func NumberCheckDigit(first11 string) (byte, bool) {
	if len(first11) != 11 || !digits(first11) {
		return 0, false
	}
	sum := 0
	for n := 1; n <= 11; n++ { // n-th digit from the right
		q := n + 1
		if n > 6 {
			q = n - 5
		}
		sum += int(first11[11-n]-'0') * q
	}
	if r := sum % 11; r > 1 {
		return byte('0' + 11 - r), true
	}
	return '0', true
}

// ValidNumber reports whether s is twelve digits ending in their check digit.
func ValidNumber(s string) bool {
	if len(s) != 12 {
		return false
	}
	check, ok := NumberCheckDigit(s[:11])
	return ok && check == s[11]
}

// MunicipalityCheckDigit is the sixth digit of a municipality code (全国地方公共団体コード) whose five digits are given.
func MunicipalityCheckDigit(code5 string) (byte, bool) {
	if len(code5) != 5 || !digits(code5) {
		return 0, false
	}
	sum := 0
	for i := range 5 {
		sum += int(code5[i]-'0') * (6 - i)
	}
	return byte('0' + (11-sum%11)%10), true
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
