using System.Data.Common;

namespace LlmProxy.Tests.Storage;

#pragma warning disable CA2100, MA0045 // Tests write their statements themselves, and run them where the stores do.

/// <summary>Statements of the tests' own, beside those of the stores.</summary>
internal static class Sql
{
    public static int Run(DbConnection connection, string statement)
    {
        using var command = connection.CreateCommand();
        command.CommandText = statement;
        return command.ExecuteNonQuery();
    }

    /// <summary>The texts of one column, in the order of the query.</summary>
    public static List<string> Texts(DbConnection connection, string query, int column = 0)
    {
        using var command = connection.CreateCommand();
        command.CommandText = query;
        using var rows = command.ExecuteReader();
        var texts = new List<string>();
        while (rows.Read())
        {
            texts.Add(rows.GetString(column));
        }

        return texts;
    }
}
