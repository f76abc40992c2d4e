//! Names for everything that can be said of a line or a dataset.
//!
//! `ERROR_*` and `WARNING_*` are Rekognition's own names and messages (Custom Labels guide, "Terminal manifest
//! content errors", "Non-terminal JSON Line validation errors" and "warnings"); `REJECTED_*`, `SKIPPED_*` and `NOTICED_*` are ours.

/// When Custom Labels tells of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// When entries come in: CreateDataset and UpdateDatasetEntries; shown by ListDatasetEntries.
    Dataset,
    /// Only when a training validates its datasets.
    Training,
    /// Never: the code is ours.
    Ours,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $name:literal $stage:ident $message:literal => $remedy:literal;)*) => {
        /// What is wrong or remarkable, by its stable name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = concat!("`", $name, "`: ", $message)] $(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code, in the order of the tables they come from.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The name as it is written in reports and by Rekognition.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// One sentence; `{}` stands for the label attribute's name.
            #[must_use]
            pub fn message(self) -> &'static str {
                match self { $(Code::$variant => $message,)* }
            }

            /// What the user can do about it.
            #[must_use]
            pub fn remedy(self) -> &'static str {
                match self { $(Code::$variant => $remedy,)* }
            }

            /// When Custom Labels tells of it.
            #[must_use]
            pub fn stage(self) -> Stage {
                match self { $(Code::$variant => Stage::$stage,)* }
            }
        }
    };
}

codes! {
    MissingSourceRef "ERROR_MISSING_SOURCE_REF" Training "The source-ref key is missing."
        => "add the image's S3 URI as source-ref";
    InvalidSourceRefFormat "ERROR_INVALID_SOURCE_REF_FORMAT" Training "The format of the source-ref value is invalid."
        => "write source-ref as s3://bucket/key, in lower case up to the bucket";
    NoLabelAttributes "ERROR_NO_LABEL_ATTRIBUTES" Dataset "No label attributes found."
        => "give the line both a label attribute and its -metadata";
    InvalidLabelAttributeFormat "ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT" Dataset "The format of the label attribute {} is invalid."
        => "write an integer for an image-level label, image_size and annotations for boxes";
    InvalidLabelAttributeMetadataFormat "ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT" Dataset "The format of the label attribute metadata is invalid."
        => "give the metadata type, human-annotated, creation-date, and class-name and confidence or objects and class-map";
    NoValidLabelAttributes "ERROR_NO_VALID_LABEL_ATTRIBUTES" Dataset "No valid label attributes found."
        => "repair or remove the label attributes that have errors";
    MissingBoundingBoxConfidence "ERROR_MISSING_BOUNDING_BOX_CONFIDENCE" Dataset "One or more bounding boxes has a missing confidence value."
        => "give objects one confidence for each annotation, in the same order";
    MissingClassMapId "ERROR_MISSING_CLASS_MAP_ID" Dataset "One of more class ids is missing from the class map."
        => "add the class id to class-map";
    InvalidJsonLine "ERROR_INVALID_JSON_LINE" Training "The JSON Line has an invalid format."
        => "write one JSON object a line, in UTF-8, without duplicate keys";
    InvalidImage "ERROR_INVALID_IMAGE" Training "The image is invalid. Check S3 path and/or image properties."
        => "let source-ref name a PNG or JPEG of at most 15 MB, 64 to 4096 px a side, no more than 20 times longer than wide";
    InvalidImageDimension "ERROR_INVALID_IMAGE_DIMENSION" Dataset "The image dimension(s) do not conform to allowed dimensions."
        => "scale the image and its boxes to 64 to 4096 px a side";
    InvalidBoundingBox "ERROR_INVALID_BOUNDING_BOX" Dataset "The bounding box has off frame values."
        => "keep the box inside image_size";
    NoValidAnnotations "ERROR_NO_VALID_ANNOTATIONS" Dataset "No valid annotations found."
        => "repair or remove the boxes that have errors";
    BoundingBoxTooSmall "ERROR_BOUNDING_BOX_TOO_SMALL" Dataset "The height and width of the bounding box is too small."
        => "remove the box: images longer than 1280 px are scaled down, and it must stay larger than 1 px a side";
    TooManyBoundingBoxes "ERROR_TOO_MANY_BOUNDING_BOXES" Dataset "There are more bounding boxes than the allowed maximum."
        => "keep at most 50 boxes an image";
    UnsupportedUseCaseType "ERROR_UNSUPPORTED_USE_CASE_TYPE" Dataset "The use case type of the {}-metadata label attribute metadata is unsupported. Check the type field."
        => "use groundtruth/image-classification or groundtruth/object-detection";
    InvalidLabelNameLength "ERROR_INVALID_LABEL_NAME_LENGTH" Dataset "The length of the label name is invalid."
        => "use label names of 1 to 255 characters";
    UnannotatedRecord "WARNING_UNANNOTATED_RECORD" Training "Record is unannotated."
        => "label the image or leave it out: it isn't trained on";
    NoAnnotations "WARNING_NO_ANNOTATIONS" Training "No annotations were found."
        => "draw a box or leave the image out: it isn't trained on";
    NoAttributeAnnotations "WARNING_NO_ATTRIBUTE_ANNOTATIONS" Training "No attribute annotations were found."
        => "draw a box or remove the label attribute";

    ManifestUnsupportedFormat "ERROR_MANIFEST_INACCESSIBLE_OR_UNSUPPORTED_FORMAT" Dataset "The manifest file extension or contents are invalid."
        => "name the file *.manifest and write one JSON object a line";
    ManifestSizeTooLarge "ERROR_MANIFEST_SIZE_TOO_LARGE" Dataset "The manifest file size exceeds the maximum supported size."
        => "keep the manifest at or below 1 GB";
    ManifestRowsExceedMaximum "ERROR_MANIFEST_ROWS_EXCEEDS_MAXIMUM" Dataset "The manifest file has too many rows."
        => "keep to the Region's number of images in a dataset";
    TooManyRecordsInError "ERROR_TOO_MANY_RECORDS_IN_ERROR" Dataset "The manifest file has too many terminal errors."
        => "repair the lines that would be dropped";
    ManifestTooManyLabels "ERROR_MANIFEST_TOO_MANY_LABELS" Dataset "The manifest file has too many labels."
        => "use at most 250 labels";
    TooManyInvalidRows "ERROR_TOO_MANY_INVALID_ROWS_IN_MANIFEST" Training "The manifest file has too many invalid rows."
        => "repair lines until no more than 20 % are invalid";
    ImagesInMultipleBuckets "ERROR_IMAGES_IN_MULTIPLE_S3_BUCKETS" Training "The manifest has images in several S3 buckets."
        => "copy the images into one bucket and change source-ref";
    ManifestTooFewLabels "ERROR_MANIFEST_TOO_FEW_LABELS" Training "The manifest file has too few labels."
        => "label at least two classes for image-level labels, one for boxes";
    ManifestTooFewUsableLabels "ERROR_MANIFEST_TOO_FEW_USABLE_LABELS" Training "Too few labels are left on lines without errors."
        => "repair the lines that have errors";
    InsufficientLabelOverlap "ERROR_INSUFFICIENT_LABEL_OVERLAP" Training "Less than half of the training labels are in the test dataset."
        => "give the test dataset images of at least half of the training labels";
    ManifestEmpty "ERROR_MANIFEST_EMPTY" Training "The manifest file has no lines."
        => "write at least one line";

    LineTooLong "REJECTED_LINE_TOO_LONG" Ours "The line has more than 100,000 characters; Custom Labels would drop it without a word."
        => "shorten the line: fewer labels or shorter names";
    DuplicateSourceRef "REJECTED_DUPLICATE_SOURCE_REF" Ours "An earlier line has the same source-ref; Custom Labels would drop one of them without a word."
        => "merge the lines or remove one";
    LabelingFailed "REJECTED_LABELING_FAILED" Ours "Ground Truth could not label the data object."
        => "label the data object again";
    AmbiguousLabelAttribute "REJECTED_AMBIGUOUS_LABEL_ATTRIBUTE" Ours "Several label attributes could be meant."
        => "name the label attribute (gtcl convert: --label-attribute, or its job with --job-name; dataset-updater: LABEL_ATTRIBUTE)";
    OtherDestination "REJECTED_OTHER_DESTINATION" Ours "The line's label goes to another dataset than the manifest's own label attribute."
        => "send the line in a manifest of its own, or name the dataset by the job's name instead of by label attributes (dataset-updater: TARGETS)";
    UnsupportedTaskType "REJECTED_UNSUPPORTED_TASK_TYPE" Ours "Custom Labels has no use for this kind of label."
        => "send labels of whole images or boxes only";
    NotConsolidated "REJECTED_NOT_CONSOLIDATED" Ours "The custom job had no annotation-consolidation function, and its workers' answers gave no label."
        => "let the dataset-updater read the file at worker-response-ref, or label the data object again";
    InvalidEnvelope "REJECTED_INVALID_ENVELOPE" Ours "The label envelope isn't what the annotation-consolidation function writes."
        => "consolidate the data object again";
    VerifiedAsWrong "REJECTED_BY_VERIFICATION" Ours "Workers did not confirm the label in the verification job."
        => "adjust the label or label the image again";
    UnknownVerdict "REJECTED_UNKNOWN_VERDICT" Ours "The verification job's word for the label isn't known: it may approve the label or reject it."
        => "name the words that approve (gtcl convert: --approving-words; dataset-updater: APPROVING_WORDS)";
    TooManyLabels "REJECTED_TOO_MANY_LABELS" Ours "The image has more than 50 image-level labels."
        => "keep at most 50 labels an image, by a minimum confidence for instance";
    LabelNameNotPlain "REJECTED_LABEL_NAME" Ours "The label's name has a line break or another control character, or means something else in a manifest."
        => "rename the label";
    TestOverlapsTrain "REJECTED_IMAGE_IN_TRAIN_AND_TEST" Ours "The image is in the training and in the test dataset."
        => "keep each image in one of them";
    Vanished "REJECTED_VANISHED" Ours "The update completed and the entry is not in the dataset: Custom Labels dropped it without a word."
        => "compare the line with the manifest rules of Custom Labels, repair it and send it again";
    Overwritten "REJECTED_OVERWRITTEN" Ours "The image has other labels in the dataset than were sent, again and again: another writer updates it."
        => "end the other writer (the console, a script, a stack with another LEASES_S3_URI), delete checkpoint.json beside the report and invoke the dataset-updater again";
    RefusedByUpdate "REJECTED_BY_UPDATE" Ours "The update failed over the entry."
        => "repair the line as the message says and send it again";
    RepeatedBox "NOTICED_REPEATED_BOX" Ours "Two boxes of the image have the same class and place."
        => "remove one: it counts twice in training";
    ImageSizeDiffers "NOTICED_IMAGE_SIZE" Ours "The image has another size than its boxes were drawn on."
        => "write the image's own size, and scale the boxes to it: they are misplaced";

    InvalidRow "REJECTED_ROW" Ours "The row can't be read as the table's other rows."
        => "write the row as the others: image, label, label, …, or as the header says";
    InvalidItem "REJECTED_ITEM" Ours "A field is missing or isn't what the format has there."
        => "give the item the field as the format has it";
    DuplicateId "REJECTED_DUPLICATE_ID" Ours "Another item has the same id."
        => "give each item an id of its own";
    UnknownImage "REJECTED_UNKNOWN_IMAGE" Ours "The annotation is of an image that isn't there."
        => "add the image to images, or remove the annotation";
    UnknownCategory "REJECTED_UNKNOWN_CATEGORY" Ours "The annotation is of a category that isn't there."
        => "add the category to categories, or remove the annotation";

    Header "SKIPPED_HEADER" Ours "The row names the columns."
        => "nothing to do";
    BlankLine "SKIPPED_BLANK_LINE" Ours "The line is blank."
        => "nothing to do";
    Unlabeled "SKIPPED_UNLABELED" Ours "The line has no label yet."
        => "label the image, or ask for unlabeled lines to be sent";
    OtherAttribute "SKIPPED_OTHER_LABEL_ATTRIBUTE" Ours "The line has other label attributes than the one that was asked for."
        => "name one that the line has";
    OtherJob "SKIPPED_OTHER_JOB" Ours "The line's label is another labeling job's."
        => "name the label attribute when it is the one you want (gtcl convert: --label-attribute; dataset-updater: LABEL_ATTRIBUTE)";
    NoBoxes "SKIPPED_NO_BOXES" Ours "The image has no box; Custom Labels would keep it as unlabeled."
        => "ask for lines without boxes to be sent when you want them in the dataset";
    NoLabels "SKIPPED_NO_LABELS" Ours "No label applies to the image; Custom Labels would keep it as unlabeled."
        => "ask for unlabeled lines to be sent when you want them in the dataset";
    BelowMinConfidence "SKIPPED_BELOW_MIN_CONFIDENCE" Ours "No label reaches the minimum confidence."
        => "label the image again in a follow-up job (the review manifest is its input), or lower the minimum confidence";
}

impl Code {
    /// The message with the label attribute's name put in.
    #[must_use]
    pub fn message_for(self, attribute: &str) -> String {
        self.message().replace("{}", attribute)
    }

    /// Whether a line of an update with this fault is removed, and no API ever shows it. Source: Custom Labels guide,
    /// "Terminal manifest content errors".
    #[must_use]
    pub fn is_dropped(self) -> bool {
        matches!(
            self,
            Self::LineTooLong
                | Self::MissingSourceRef
                | Self::InvalidSourceRefFormat
                | Self::InvalidJsonLine
                | Self::DuplicateSourceRef
        )
    }

    /// Whether the rule behind the code is ours, too, and not only its name: Custom Labels says and does nothing about it
    /// as far as is known.
    #[must_use]
    pub fn is_own_rule(self) -> bool {
        self.stage() == Stage::Ours && !self.is_dropped()
    }

    /// Whether nothing is wrong with what the code is about: there is nothing to send.
    #[must_use]
    pub fn is_skip(self) -> bool {
        self.as_str().starts_with("SKIPPED_")
    }

    /// Whether the code is one of Rekognition's warnings: the line is valid but isn't trained on.
    #[must_use]
    pub fn is_warning(self) -> bool {
        self.as_str().starts_with("WARNING_")
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_counted() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let line_codes = Code::ALL
            .iter()
            .copied()
            .take_while(|code| *code != Code::ManifestUnsupportedFormat);
        let (warnings, errors): (Vec<_>, Vec<_>) = line_codes.partition(|code| code.is_warning());
        assert_eq!((errors.len(), warnings.len()), (17, 3));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }

    #[test]
    fn messages_name_the_attribute() {
        assert_eq!(
            Code::UnsupportedUseCaseType.message_for("BB"),
            "The use case type of the BB-metadata label attribute metadata is unsupported. Check the type field."
        );
    }
}
