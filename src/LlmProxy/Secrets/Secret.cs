namespace LlmProxy.Secrets;

/// <summary>
/// A value that must not be seen. It prints as <c>***</c>, so a record, a log line or an exception that
/// holds one cannot leak it by accident; whoever needs the value says so with <see cref="Reveal"/>.
/// </summary>
internal sealed class Secret(string value) : IEquatable<Secret>
{
    private readonly string _value = value;

    /// <summary>The value itself. Call it where the value leaves for its one destination, nowhere else.</summary>
    public string Reveal() => _value;

    /// <summary>
    /// The last four characters, or fewer stars than characters when the value is too short to show any.
    /// </summary>
    public string LastFour => _value.Length >= 12 ? _value[^4..] : "****";

    /// <summary>Whether the text is this very value; costs nothing when the lengths differ.</summary>
    public bool Is(string text) => text.Length == _value.Length && FixedTime.Equal(text, _value);

    public bool Equals(Secret? other) => other is not null && FixedTime.Equal(_value, other._value);

    public override bool Equals(object? obj) => Equals(obj as Secret);

    public override int GetHashCode() => 0;

    public override string ToString() => "***";
}
