/// @file The library's version, for the preprocessor and as text. CMake checks it against project(VERSION).
#pragma once

// NOLINTBEGIN(cppcoreguidelines-macro-usage): only macros can be compared by #if
/// First number of the version: incompatible changes.
#define ZOFO_VERSION_MAJOR 0
/// Second number of the version: new features.
#define ZOFO_VERSION_MINOR 1
/// Third number of the version: corrections.
#define ZOFO_VERSION_PATCH 0

/// One number that grows with the version: 10203 is 1.2.3.
#define ZOFO_VERSION (ZOFO_VERSION_MAJOR * 10000 + ZOFO_VERSION_MINOR * 100 + ZOFO_VERSION_PATCH)

/// Text of three tokens; used by ZOFO_VERSION_TEXT_.
#define ZOFO_VERSION_TEXT_OF_(major, minor, patch) #major "." #minor "." #patch
/// Text of three macros, which are expanded first; used by ZOFO_VERSION_STRING.
#define ZOFO_VERSION_TEXT_(major, minor, patch) ZOFO_VERSION_TEXT_OF_(major, minor, patch)

/// The version as text: "1.2.3".
#define ZOFO_VERSION_STRING ZOFO_VERSION_TEXT_(ZOFO_VERSION_MAJOR, ZOFO_VERSION_MINOR, ZOFO_VERSION_PATCH)
// NOLINTEND(cppcoreguidelines-macro-usage)
