//! What was chosen with form elements that aren't made for labels: radio buttons, checkboxes and selection lists.
//!
//! A group of radio buttons or checkboxes of one name is an object of options and whether each was chosen
//! (`{"species": {"cat": true, "dog": false}}`). Buttons with names of their own hold themselves
//! (`{"cat": {"cat": true}, "dog": {"dog": false}}`). A selection list is a text, as any other input is: it counts
//! only where its name was set.
//!
//! Source: Developer Guide, crowd-radio-group and crowd-checkbox; what browsers submit for `select`.

use super::{Answer, AnswerError, name};
use crate::json::Json;

/// The options chosen in a form element that is a group of at least two options.
pub(super) fn of_group(element: &Json<'_>) -> Option<Result<Answer, AnswerError>> {
    let options = element.as_object().filter(|options| options.len() > 1)?;
    let chosen = options.iter().map(|(option, value)| match value {
        Json::Bool(is_chosen) => Some((option.as_ref(), *is_chosen)),
        _ => None,
    });
    chosen.collect::<Option<Vec<_>>>().map(answer)
}

/// The options chosen in a form whose buttons have names of their own, at least two of them.
pub(super) fn of_form(form: &Json<'_>) -> Option<Result<Answer, AnswerError>> {
    let buttons = form.as_object()?.iter();
    let options: Vec<(&str, bool)> = buttons
        .filter_map(|(button, value)| match value.as_object()? {
            [(option, Json::Bool(is_chosen))] if option == button => {
                Some((option.as_ref(), *is_chosen))
            }
            _ => None,
        })
        .collect();
    (options.len() > 1).then(|| answer(options))
}

/// What the form element says that was named: also a single checkbox, a text or a list of texts.
pub(super) fn of_named(element: &Json<'_>) -> Option<Result<Answer, AnswerError>> {
    match element {
        Json::Text(text) if !text.trim().is_empty() && !text.trim().starts_with(['{', '[']) => {
            Some(answer(vec![(text.as_ref(), true)]))
        }
        Json::List(texts) if !texts.is_empty() => {
            let texts = texts.iter().map(|text| Some((text.as_str()?, true)));
            texts.collect::<Option<Vec<_>>>().map(answer)
        }
        Json::Object(options) => match options.as_slice() {
            [(option, Json::Bool(is_chosen))] => Some(answer(vec![(option, *is_chosen)])),
            _ => None,
        },
        _ => None,
    }
}

/// One chosen option is a label, none or several are labels.
fn answer(options: Vec<(&str, bool)>) -> Result<Answer, AnswerError> {
    let chosen = options.into_iter().filter(|(_, is_chosen)| *is_chosen);
    let labels =
        chosen.map(|(option, _)| name(&Json::Text(option.into()), || "a chosen option".to_owned()));
    let mut labels = labels.collect::<Result<Vec<_>, _>>()?;
    Ok(match (labels.pop(), labels.is_empty()) {
        (Some(label), true) => Answer::SingleLabel { label },
        (last, _) => {
            labels.extend(last);
            Answer::MultiLabel { labels }
        }
    })
}
