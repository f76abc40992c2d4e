//! What the words of verification jobs say: a label is right, or it isn't.
//!
//! A verification job's categories are the requester's own words. Known are those of the console and of common languages;
//! case, accents and surrounding space don't matter.

/// Words that confirm a label, as [`folded`] has them.
const APPROVING: [&str; 88] = [
    // English, and what other languages write alike.
    "good",
    "correct",
    "right",
    "true",
    "accept",
    "accepted",
    "approve",
    "approved",
    "confirm",
    "confirmed",
    "pass",
    "passed",
    "valid",
    "yes",
    "ok",
    "okay",
    // German, Dutch.
    "gut",
    "richtig",
    "korrekt",
    "ja",
    "akzeptiert",
    "angenommen",
    "bestatigt",
    "in ordnung",
    "goed",
    "juist",
    "akkoord",
    "goedgekeurd",
    // French.
    "bon",
    "bonne",
    "correcte",
    "juste",
    "accepte",
    "approuve",
    "confirme",
    "valide",
    "oui",
    // Spanish, Portuguese, Italian.
    "bueno",
    "buena",
    "bien",
    "correcto",
    "correcta",
    "aceptado",
    "aprobado",
    "confirmado",
    "valido",
    "si",
    "bom",
    "boa",
    "correto",
    "correta",
    "certo",
    "aceito",
    "aprovado",
    "sim",
    "buono",
    "buona",
    "corretto",
    "giusto",
    "accettato",
    "approvato",
    "confermato",
    // Polish, Turkish, Russian.
    "dobre",
    "poprawne",
    "tak",
    "iyi",
    "dogru",
    "evet",
    "хорошо",
    "верно",
    "правильно",
    "да",
    // Japanese, Chinese, Korean.
    "良い",
    "正しい",
    "正解",
    "はい",
    "合格",
    "承認",
    "好",
    "正确",
    "正確",
    "是",
    "对",
    "通过",
    "通過",
    "좋음",
    "정확",
    "예",
];

/// Words that don't.
const REJECTING: [&str; 84] = [
    // English, and what other languages write alike.
    "bad",
    "incorrect",
    "wrong",
    "false",
    "reject",
    "rejected",
    "decline",
    "declined",
    "disapprove",
    "disapproved",
    "deny",
    "denied",
    "fail",
    "failed",
    "invalid",
    "no",
    "not ok",
    "poor",
    // German, Dutch.
    "schlecht",
    "falsch",
    "inkorrekt",
    "nein",
    "abgelehnt",
    "nicht in ordnung",
    "slecht",
    "fout",
    "onjuist",
    "nee",
    "afgekeurd",
    // French.
    "mauvais",
    "mauvaise",
    "incorrecte",
    "faux",
    "fausse",
    "rejete",
    "refuse",
    "invalide",
    "non",
    // Spanish, Portuguese, Italian.
    "malo",
    "mala",
    "mal",
    "incorrecto",
    "incorrecta",
    "rechazado",
    "invalido",
    "mau",
    "ruim",
    "incorreto",
    "incorreta",
    "errado",
    "rejeitado",
    "nao",
    "cattivo",
    "cattiva",
    "scorretto",
    "sbagliato",
    "errato",
    "rifiutato",
    // Polish, Turkish, Russian.
    "zle",
    "niepoprawne",
    "nie",
    "kotu",
    "yanlis",
    "hayir",
    "плохо",
    "неверно",
    "неправильно",
    "нет",
    // Japanese, Chinese, Korean.
    "悪い",
    "正しくない",
    "誤り",
    "間違い",
    "不正解",
    "いいえ",
    "不合格",
    "却下",
    "差",
    "错误",
    "錯誤",
    "不正确",
    "否",
    "不通过",
    "나쁨",
    "아니요",
];

/// What a word says of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Approves,
    Rejects,
    /// Nobody said which.
    Unknown,
}

/// Judges a word. `approving` are further words that approve; where there are any, all that isn't known rejects.
pub(crate) fn judge(word: &str, approving: &[String]) -> Verdict {
    let word = folded(word);
    let is_approving = approving.iter().any(|known| folded(known) == word);
    if is_approving || APPROVING.contains(&word.as_str()) {
        Verdict::Approves
    } else if !approving.is_empty() || REJECTING.contains(&word.as_str()) {
        Verdict::Rejects
    } else {
        Verdict::Unknown
    }
}

/// A word in lower case, without accents and surrounding space.
fn folded(word: &str) -> String {
    let is_accent = |char: &char| ('\u{300}'..='\u{36F}').contains(char);
    let lower = word.trim().chars().flat_map(char::to_lowercase);
    lower.filter(|char| !is_accent(char)).map(plain).collect()
}

fn plain(char: char) -> char {
    match char {
        'á' | 'à' | 'â' | 'ã' | 'ä' | 'å' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'ì' | 'î' | 'ï' | 'ı' => 'i',
        'ó' | 'ò' | 'ô' | 'õ' | 'ö' => 'o',
        'ú' | 'ù' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        'ğ' => 'g',
        'ł' => 'l',
        'ñ' => 'n',
        'ş' => 's',
        'ź' | 'ż' => 'z',
        char => char,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_in_whatever_form() {
        for (word, expected) in [
            ("good", Verdict::Approves),
            (" GOOD\t", Verdict::Approves),
            ("Correct", Verdict::Approves),
            ("VÁLIDO", Verdict::Approves),
            ("accepte\u{301}", Verdict::Approves),
            ("Bestätigt", Verdict::Approves),
            ("Sí", Verdict::Approves),
            ("Да", Verdict::Approves),
            ("正しい", Verdict::Approves),
            ("\u{a0}正确\u{3000}", Verdict::Approves),
            ("Bad", Verdict::Rejects),
            ("não", Verdict::Rejects),
            ("Źle", Verdict::Rejects),
            ("Falsch", Verdict::Rejects),
            ("不合格", Verdict::Rejects),
            ("Label is correct", Verdict::Unknown),
            ("not good", Verdict::Unknown),
            ("", Verdict::Unknown),
        ] {
            assert_eq!(judge(word, &[]), expected, "{word:?}");
        }
    }

    #[test]
    fn words_that_are_named_approve_and_what_is_unknown_then_rejects() {
        let named = ["Label is correct".to_owned()];
        for (word, expected) in [
            ("label is correct ", Verdict::Approves),
            ("good", Verdict::Approves),
            ("bad", Verdict::Rejects),
            ("Label is wrong", Verdict::Rejects),
        ] {
            assert_eq!(judge(word, &named), expected, "{word:?}");
        }
        assert_eq!(judge("bad", &["Bad".to_owned()]), Verdict::Approves);
    }

    #[test]
    fn every_known_word_is_folded_and_says_one_thing() {
        let mut all: Vec<&str> = APPROVING.iter().chain(&REJECTING).copied().collect();
        assert!(all.iter().all(|word| folded(word) == *word));
        all.sort_unstable();
        let n_words = all.len();
        all.dedup();
        assert_eq!(all.len(), n_words);
    }
}
