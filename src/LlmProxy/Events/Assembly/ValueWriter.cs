using System.Text.Json;
using LlmProxy.Http;

namespace LlmProxy.Events.Assembly;

/// <summary>Writes what has grown as JSON.</summary>
internal static class ValueWriter
{
    public static void Write(GrowingValue value, ref PooledBytes output)
    {
        if (value.HasChildren)
        {
            WriteChildren(value, ref output);
        }
        else if (value.IsText)
        {
            WriteText(value, ref output);
        }
        else if (value.IsList)
        {
            output.Append("["u8);
            output.Append(value.Bytes);
            output.Append("]"u8);
        }
        else
        {
            output.Append(value.IsNull ? "null"u8 : value.Bytes);
        }
    }

    private static void WriteText(GrowingValue value, ref PooledBytes output)
    {
        switch (value.Rule.Form)
        {
            case TextForm.Json:
                JsonText.WriteInput(value.Bytes, ref output);
                break;
            case TextForm.Base64:
                JsonText.WriteBase64(value.Bytes, ref output);
                break;
            default:
                output.Append("\""u8);
                output.Append(value.Bytes);
                output.Append("\""u8);
                break;
        }
    }

    private static void WriteChildren(GrowingValue value, ref PooledBytes output)
    {
        var isObject = value.Rule.Growth == Growth.Fields;
        output.Append(isObject ? "{"u8 : "["u8);
        var isFirst = true;
        foreach (var child in value.Children)
        {
            if (isObject && IsLeftOut(value, child))
            {
                continue;
            }

            output.Append(isFirst ? default : ","u8);
            isFirst = false;
            if (isObject)
            {
                WriteName(child.Rule.WrittenAs ?? child.Name, ref output);
            }

            if (child.IsMissing)
            {
                // An element of which no member came.
                output.Append("{}"u8);
            }
            else
            {
                Write(child, ref output);
            }
        }

        output.Append(isObject ? "}"u8 : "]"u8);
    }

    /// <summary>Of two members that are written under one name the one that grew counts, if it did.</summary>
    private static bool IsLeftOut(GrowingValue value, GrowingValue child)
    {
        if (child.IsMissing)
        {
            return true;
        }

        if (!value.Rule.HasAlias)
        {
            return false;
        }

        if (child.Rule.WrittenAs is { } name)
        {
            return child.IsEmpty && value.Find(name) is { IsMissing: false };
        }

        foreach (var sibling in value.Children)
        {
            if (sibling.Rule.WrittenAs is { } alias && !sibling.IsEmpty && alias.AsSpan().SequenceEqual(child.Name))
            {
                return true;
            }
        }

        return false;
    }

    private static void WriteName(ReadOnlySpan<byte> name, ref PooledBytes output)
    {
        output.Append("\""u8);
        var isPlain = name.IndexOfAny((byte)'"', (byte)'\\') < 0 && name.IndexOfAnyInRange((byte)0, (byte)0x1F) < 0;
        output.Append(isPlain ? name : JsonEncodedText.Encode(name).EncodedUtf8Bytes);
        output.Append("\":"u8);
    }
}
