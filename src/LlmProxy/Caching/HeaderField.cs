using System.Runtime.InteropServices;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Caching;

/// <summary>A header field of an answer with all its lines, in their order.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct HeaderField(string Name, StringValues Values);

/// <summary>Reading lists of fields.</summary>
internal static class HeaderFields
{
    /// <summary>The lines of a field; none when it is not there.</summary>
    public static StringValues Find(this IReadOnlyList<HeaderField> fields, string name)
    {
        for (var i = 0; i < fields.Count; i++)
        {
            if (fields[i].Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return fields[i].Values;
            }
        }

        return StringValues.Empty;
    }
}
