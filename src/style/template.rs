//! Templates: style JSON in `styles/` with tokens.
//!
//! A string that begins with `$` is replaced by the token of that name. A layer with `"$each": "…"` is repeated for each
//! item of that list, whose tokens come first; `{name}` in the id of such a layer is replaced by the item's token.

use serde_json::{Map, Value};

use crate::style::StyleError;

/// Tokens by name, without the `$`.
pub(super) type Tokens = Map<String, Value>;

/// What a template is filled with.
pub(super) struct Filling {
    /// Tokens for the whole style.
    pub(super) tokens: Tokens,
    /// Lists for layers that are repeated: the name after `$each`, and the tokens of each item.
    pub(super) lists: Vec<(&'static str, Vec<Tokens>)>,
}

/// The style that a template makes with this filling.
pub(super) fn fill(template: &str, filling: &Filling) -> Result<Value, StyleError> {
    let mut style: Value = serde_json::from_str(template).map_err(|e| StyleError::Embedded(e.to_string()))?;
    let mut layers = Vec::new();
    for layer in style.get_mut("layers").and_then(Value::as_array_mut).into_iter().flatten() {
        repeat(layer.take(), filling, &mut layers)?;
    }
    let mut filled = replace(style, &[&filling.tokens])?;
    filled["layers"] = Value::Array(layers);
    Ok(filled)
}

fn repeat(mut layer: Value, filling: &Filling, layers: &mut Vec<Value>) -> Result<(), StyleError> {
    let Some(each) = layer.as_object_mut().and_then(|layer| layer.shift_remove("$each")) else {
        layers.push(replace(layer, &[&filling.tokens])?);
        return Ok(());
    };
    let items = filling.lists.iter().find(|(name, _)| each == **name).map(|(_, items)| items);
    for item in items.ok_or_else(|| StyleError::Embedded(format!("there is no list {each}")))? {
        let mut filled = replace(layer.clone(), &[item, &filling.tokens])?;
        if let Some(Value::String(id)) = filled.get_mut("id") {
            for (name, value) in item {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                *id = id.replace(&format!("{{{name}}}"), &text);
            }
        }
        layers.push(filled);
    }
    Ok(())
}

fn replace(value: Value, tokens: &[&Tokens]) -> Result<Value, StyleError> {
    Ok(match value {
        Value::String(text) => match text.strip_prefix('$') {
            Some(name) => tokens
                .iter()
                .find_map(|tokens| tokens.get(name))
                .cloned()
                .ok_or_else(|| StyleError::Embedded(format!("there is no token {name}")))?,
            None => Value::String(text),
        },
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| replace(item, tokens)).collect::<Result<_, _>>()?)
        }
        Value::Object(entries) => {
            let filled = entries.into_iter().map(|(key, entry)| Ok((key, replace(entry, tokens)?)));
            Value::Object(filled.collect::<Result<_, _>>()?)
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tokens_are_replaced_and_layers_repeated() {
        let template = r#"{"name": "$title", "layers": [
            {"id": "one", "c": ["$colour", "plain"]},
            {"$each": "class", "id": "class-{n}", "c": "$colour"}
        ]}"#;
        let tokens = |value: Value| value.as_object().cloned().unwrap();
        let filling = Filling {
            tokens: tokens(json!({"title": "T", "colour": "red"})),
            lists: vec![("class", vec![tokens(json!({"n": 0})), tokens(json!({"n": 1, "colour": "blue"}))])],
        };
        assert_eq!(
            fill(template, &filling).unwrap(),
            json!({"name": "T", "layers": [
                {"id": "one", "c": ["red", "plain"]},
                {"id": "class-0", "c": "red"},
                {"id": "class-1", "c": "blue"}
            ]})
        );
    }

    #[test]
    fn an_unknown_token_or_list_is_an_error() {
        let empty = Filling { tokens: Tokens::new(), lists: Vec::new() };
        for template in [r#"{"a": "$b"}"#, r#"{"layers": [{"$each": "class"}]}"#, "{"] {
            assert!(matches!(fill(template, &empty), Err(StyleError::Embedded(_))), "{template}");
        }
    }
}
