namespace LlmProxy.Usage.Reading;

/// <summary>Where in the grammar <see cref="JsonScan"/> stands. Up to <see cref="Done"/>: between tokens.</summary>
internal enum JsonState : byte
{
    Value,
    FirstElement,
    FirstKey,
    NextKey,
    Colon,
    AfterValue,
    Done,
    InString,
    InEscape,
    InNumber,
    InLiteral,
    Invalid,
}
