namespace LlmProxy.Usage.Reading;

/// <summary>What <see cref="JsonScan"/> has come to.</summary>
internal enum JsonToken : byte
{
    /// <summary>Nothing: the bytes are used up, or are no JSON.</summary>
    None,
    Key,
    StartObject,
    EndObject,
    StartArray,
    EndArray,

    /// <summary>A string that was taken; the end of one that was taken as text.</summary>
    String,
    Number,
    True,
    False,
    Null,

    /// <summary>A part of a string that is taken as text, unescaped.</summary>
    Text,
}
