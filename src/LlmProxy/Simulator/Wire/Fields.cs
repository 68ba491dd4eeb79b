using System.Text.Json;

namespace LlmProxy.Simulator.Wire;

/// <summary>Reads the members of a request and keeps the first thing that is wrong with them. Null is absent.</summary>
internal sealed class Fields(JsonElement root)
{
    public ApiError? Error { get; private set; }

    /// <summary>The member, or an undefined element.</summary>
    public JsonElement Optional(string name) =>
        root.ValueKind == JsonValueKind.Object && root.TryGetProperty(name, out var value)
            && value.ValueKind != JsonValueKind.Null
            ? value
            : default;

    public JsonElement Required(string name)
    {
        var value = Optional(name);
        if (value.ValueKind == JsonValueKind.Undefined)
        {
            Error ??= ApiError.Missing(name);
        }

        return value;
    }

    public string RequiredText(string name)
    {
        var value = Required(name);
        return value.ValueKind == JsonValueKind.Undefined ? "" : TextOf(value, name);
    }

    public string? Text(string name)
    {
        var value = Optional(name);
        return value.ValueKind == JsonValueKind.Undefined ? null : TextOf(value, name);
    }

    public JsonElement RequiredList(string name)
    {
        var value = Required(name);
        if (value.ValueKind != JsonValueKind.Undefined
            && (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() == 0))
        {
            Error ??= ApiError.InvalidValue(name, "an array with at least one member");
        }

        return value;
    }

    public bool Flag(string name)
    {
        var value = Optional(name);
        if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False or JsonValueKind.Undefined))
        {
            Error ??= ApiError.InvalidValue(name, "true or false");
        }

        return value.ValueKind == JsonValueKind.True;
    }

    public int? Integer(string name, int least, int most)
    {
        var value = Optional(name);
        if (value.ValueKind == JsonValueKind.Undefined)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number)
            && number >= least && number <= most)
        {
            return number;
        }

        Error ??= ApiError.InvalidValue(name, $"an integer from {least} to {most}");
        return null;
    }

    private string TextOf(JsonElement value, string name)
    {
        if (value.ValueKind == JsonValueKind.String)
        {
            return value.GetString()!;
        }

        Error ??= ApiError.InvalidValue(name, "a string");
        return "";
    }
}
