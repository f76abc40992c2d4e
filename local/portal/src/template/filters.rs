//! The filters that Ground Truth adds to Liquid.

use std::fmt;

use liquid_core::parser::{FilterArguments, ParameterReflection};
use liquid_core::{
    Error, Filter, FilterReflection, ParseFilter, Result, Runtime, Value, ValueView,
};

use crate::images::ImageFolder;

/// A filter without arguments.
#[derive(Debug, Clone)]
pub(super) struct OwnFilter {
    name: &'static str,
    description: &'static str,
    act: Act,
}

#[derive(Debug, Clone)]
enum Act {
    Json,
    AsItIs,
    Image(ImageFolder),
}

/// All of them, for templates whose images lie in `images`.
pub(super) fn all(images: ImageFolder) -> [OwnFilter; 3] {
    let filter = |name, description, act| OwnFilter {
        name,
        description,
        act,
    };
    [
        filter("to_json", "The value as JSON.", Act::Json),
        filter("skip_autoescape", "The value, not escaped.", Act::AsItIs),
        filter(
            "grant_read_access",
            "An address of the image that an S3 URI names.",
            Act::Image(images),
        ),
    ]
}

impl fmt::Display for OwnFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Filter for OwnFilter {
    fn evaluate(&self, input: &dyn ValueView, _: &dyn Runtime) -> Result<Value> {
        match &self.act {
            Act::AsItIs => Ok(input.to_value()),
            Act::Json => serde_json::to_string(&input.to_value())
                .map(Value::scalar)
                .map_err(|error| Error::with_msg(error.to_string())),
            Act::Image(images) => images
                .data_url(&input.to_kstr())
                .map(Value::scalar)
                .map_err(Error::with_msg),
        }
    }
}

impl ParseFilter for OwnFilter {
    fn parse(&self, mut arguments: FilterArguments<'_>) -> Result<Box<dyn Filter>> {
        if arguments.positional.next().is_some() || arguments.keyword.next().is_some() {
            return Err(Error::with_msg(format!("{} takes no arguments", self.name)));
        }
        Ok(Box::new(self.clone()))
    }

    fn reflection(&self) -> &dyn FilterReflection {
        self
    }
}

impl FilterReflection for OwnFilter {
    fn name(&self) -> &str {
        self.name
    }

    fn description(&self) -> &str {
        self.description
    }

    fn positional_parameters(&self) -> &'static [ParameterReflection] {
        &[]
    }

    fn keyword_parameters(&self) -> &'static [ParameterReflection] {
        &[]
    }
}
